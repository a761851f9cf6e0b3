"""Where profiles peak, and which are bells."""

from collections import Counter
from collections.abc import Sequence

from embstore.charts.headlines.wording import (
    Row,
    capital,
    listed_names,
    number,
    of_all,
    scoped,
    short_names,
    subject,
    with_values,
)
from embstore.types import MetricInfo

# Of so many profiles each is told by itself.
_FEW_PEAKS, _FEW_SHAPES = 2, 3

# What bell_shape calls the shapes: of one profile, and of one or several that are counted.
_SHAPES = {
    "bell": ("is a bell", "is a bell", "are bells"),
    "valley": ("is a valley", "is a valley", "are valleys"),
    "rising": ("rises", "rises", "rise"),
    "falling": ("falls", "falls", "fall"),
    "flat": ("is flat", "is flat", "are flat"),
    "open": ("has no clear shape", "has no clear shape", "have no clear shape"),
    "undecided": (
        "is open for want of standard errors",
        "cannot be decided for want of standard errors",
        "cannot be decided for want of standard errors",
    ),
}


def peaks(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say in which layer a profile peaks, or in how many the peak is in the middle."""
    known = with_values(rows, "peak_value")
    if not known:
        return None
    names, what = short_names(rows), subject(metric, rows)
    by_scope = _by_scope(known)
    first, *others = by_scope
    if len(first) == 1:
        told = [
            f"in layer {row['peak_layer']} of {row['n_layers']}{scoped(row)} "
            f"({number(row['peak_value'])})"
            for row in known
            if row["series"] == first[0]["series"]
        ]
        return capital(f"{what} in {names[str(first[0]['series'])]} peaks {', '.join(told)}")
    if len(first) <= _FEW_PEAKS:
        told = [
            f"in layer {row['peak_layer']} of {row['n_layers']} of {names[str(row['series'])]} "
            f"({number(row['peak_value'])})"
            for row in first
        ]
        rest = [
            f"{scoped(each[0])} "
            + listed_names(
                [f"in layer {r['peak_layer']} ({number(r['peak_value'])})" for r in each]
            )
            for each in others
        ]
        return capital(";".join([f"{what} peaks {listed_names(told)}", *rest]))
    counts = [sum(1 / 3 <= row["peak_depth"] <= 2 / 3 for row in each) for each in by_scope]
    told = [f"The peak is in the middle third of the depth in {_of(counts[0], first)}"]
    told += [
        f"{scoped(each[0])} in {_of(n, each)}" for n, each in zip(counts[1:], others, strict=True)
    ]
    return ";".join(told)


def shapes(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say which shape a profile has, or how many have which.

    A profile that is not clearly a bell may still be one: what has no standard errors is not
    called anything.
    """
    names, what = short_names(rows), subject(metric, rows)
    first, *others = _by_scope(rows)
    if all(_shape(row) == "undecided" for row in rows):
        many = f"the profile of {names[str(first[0]['series'])]} is a bell"
        if len(first) > 1:
            many = f"any of {len(first)} profiles is a bell"
        return f"Without standard errors it cannot be decided whether {many}"
    if len(first) == 1:
        told = [f"{_SHAPES[_shape(row)][0]}{scoped(row)}" for row in rows]
        return capital(f"{what} in {names[str(first[0]['series'])]} ") + "; ".join(told)
    if len(first) <= _FEW_SHAPES:
        whose = ["The profile of", *["that of"] * (len(first) - 1)]
        told = [
            f"{who} {names[str(row['series'])]} {_SHAPES[_shape(row)][0]}"
            for who, row in zip(whose, first, strict=True)
        ]
    else:
        counts = Counter(map(_shape, first)).most_common()
        told = [f"{n} {_SHAPES[shape][1 if n == 1 else 2]}" for shape, n in counts]
        told = [f"Of {len(first)} profiles {listed_names(told)}"]
    for each in others:
        bells = sum(row["shape"] == "bell" for row in each)
        counted = _of(bells, each)
        verb = "are bells" if bells > 1 else "is a bell" if bells else "is clearly a bell"
        told.append(f"{scoped(each[0])[1:]} {counted} {verb}")
    return "; ".join(told)


def _shape(row: Row) -> str:
    """Name a shape; it is undecided where nothing but standard errors is missing."""
    undecided = row["shape"] == "open" and row.get("std_error") is None
    return "undecided" if undecided and row.get("contrast") is not None else str(row["shape"])


def _by_scope(rows: Sequence[Row]) -> list[list[Row]]:
    scopes = dict.fromkeys(row["scope"] for row in rows)
    return [[row for row in rows if row["scope"] == scope] for scope in scopes]


def _of(n: int, rows: Sequence[Row]) -> str:
    """Count some profiles, after a first sentence that has named them."""
    return of_all(n, len(rows), "profile") if n else "none"
