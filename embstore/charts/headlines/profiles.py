"""What profiles over the layers show."""

from collections.abc import Sequence

from embstore.charts.headlines.wording import (
    WITHOUT_SINKS,
    Row,
    at_least,
    capital,
    differ,
    is_dimension,
    is_or_are,
    number,
    of_all,
    short_names,
    subject,
    with_values,
)
from embstore.types import MetricInfo

# What bell_shape calls the shapes, in a sentence.
_SHAPES = {
    "bell": "is a bell",
    "valley": "is a valley",
    "rising": "rises",
    "falling": "falls",
    "flat": "is flat",
    "open": "has no clear shape",
}


def profile(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say what attention sinks do to the highest layer, else which layer that is.

    Of dimensions the embedding does not count: it holds the vocabulary's vectors, and its
    dimension says nothing of what the model does with a text.
    """
    blocks = _comparable(rows, metric)
    if len({row.get("metric") for row in blocks}) != 1:
        return None
    names, what = short_names(rows), subject(metric, rows)
    fallen = _without_sinks(blocks)
    values = [row["value"] for row in blocks]
    clear = [
        (high, low)
        for high, low in fallen
        if high["value"] > low["value"] and differ(high, low, values)
    ]
    if not clear:
        return _highest(blocks, names, what)
    high, low = max(clear, key=lambda pair: pair[0]["value"] - pair[1]["value"])
    name = names[str(high["series"])]
    change = f"from {number(high['value'])} to {number(low['value'])} at {_place(high)}"
    if len(clear) > 1:
        many = of_all(len(clear), len(fallen), "profile")
        return capital(
            f"{WITHOUT_SINKS}, {what} falls at the peaks of {many}, most in {name}: {change}"
        )
    rest = [
        row for row in blocks if row["series"] == high["series"] and row["scope"] == low["scope"]
    ]
    top = max(rest, key=lambda row: row["value"])
    stays = "" if top is low else f"; its peak is then {number(top['value'])}, at {_place(top)}"
    return capital(f"{WITHOUT_SINKS}, {what} in {name} falls {change}{stays}")


def kinds(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say how high each kind of model reaches, with and without sinks."""
    blocks = _comparable(rows, metric)
    found: dict[tuple[str, str], float] = {}
    for row in blocks:
        key = (str(row["kind"]), str(row["scope"]))
        found[key] = max(row["value"], found.get(key, row["value"]))
    each = sorted({kind for kind, scope in found if scope == "all"}, key=_decoders_first)
    if len(each) < 2:
        return profile(rows, metric)
    reached = [f"{number(found[kind, 'all'])} in {kind}s" for kind in each]
    sentence = f"{subject(metric, rows)} reaches {' and '.join(reached)}"
    if all((kind, "no_sinks") in found for kind in each):
        rest = " and ".join(number(found[kind, "no_sinks"]) for kind in each)
        sentence += f"; {WITHOUT_SINKS} {rest}"
    return capital(sentence)


def peaks(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say in which layer a profile peaks, or in how many the peak is in the middle."""
    known = with_values(rows, "peak_value")
    if not known:
        return None
    first = [row for row in known if row["scope"] == known[0]["scope"]]
    if len(first) == 1:
        parts = [
            f"in layer {row['peak_layer']} of {row['n_layers']}{_scope(row)} "
            f"({number(row['peak_value'])})"
            for row in known
            if row["series"] == first[0]["series"]
        ]
        name = short_names(rows)[str(first[0]["series"])]
        return capital(f"{subject(metric, rows)} in {name} peaks {', '.join(parts)}")
    counts = []
    for scope in dict.fromkeys(row["scope"] for row in known):
        of_scope = [row for row in known if row["scope"] == scope]
        middle = [row for row in of_scope if 1 / 3 <= row["peak_depth"] <= 2 / 3]
        counts.append(f"{of_all(len(middle), len(of_scope), 'profile')}{_scope(of_scope[0])}")
    return f"The peak is in the middle third of {'; '.join(counts)}"


def shapes(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say which shape a profile has, or how many are bells."""
    scopes = list(dict.fromkeys(row["scope"] for row in rows))
    first = [row for row in rows if row["scope"] == scopes[0]]
    if len(first) == 1:
        told = [f"{_SHAPES[row['shape']]}{_scope(row)}" for row in rows]
        return capital(
            f"{subject(metric, rows)} in {short_names(rows)[str(first[0]['series'])]} "
        ) + ("; ".join(told))
    counts = []
    for scope in scopes:
        of_scope = [row for row in rows if row["scope"] == scope]
        bells = sum(row["shape"] == "bell" for row in of_scope)
        counts.append(f"{of_all(bells, len(of_scope), 'profile')}{_scope(of_scope[0])}")
    return f"The middle is above both ends in {'; '.join(counts)}"


def sinks(rows: Sequence[Row], metric: MetricInfo | None) -> str | None:
    """Say how much of the highest peak is due to sinks."""
    known = with_values(with_values(rows, "at_peak"), "at_peak_no_sinks")
    raised = [row for row in known if row["effect"] > 0.1 * abs(row["at_peak"])]
    if not known:
        return None
    what = subject(metric, rows)
    if not raised:
        if all(abs(row["effect"]) <= 0.1 * abs(row["at_peak"]) for row in known):
            return capital(f"{WITHOUT_SINKS}, no peak of {what} changes by more than a tenth")
        return None
    most = max(raised, key=lambda row: row["effect"])
    change = f"from {number(most['at_peak_no_sinks'])} to {number(most['at_peak'])}"
    name, where = short_names(rows)[str(most["series"])], f"at layer {most['peak_layer']}"
    if len(raised) == 1:
        return f"Attention sinks raise {what} in {name} {change} {where}, its peak"
    many = of_all(len(raised), len(known), "profile")
    return f"Attention sinks raise {what} at the peaks of {many}, most in {name}: {change} {where}"


def linearity(rows: Sequence[Row]) -> str | None:
    """Say how much linear maps explain at least."""
    found = {}
    for name in ("linearity_next", "linearity_residual_next"):
        values = [
            row["linearity"] for row in with_values(rows, "linearity") if row["metric"] == name
        ]
        if not values or min(values) < 0:
            return None
        found[name] = at_least(min(values))
    return (
        f"A linear map explains {found['linearity_next']} or more of every next layer, "
        f"and {found['linearity_residual_next']} or more of what it adds"
    )


def similarity(rows: Sequence[Row]) -> str | None:
    """Say after which layer similarity to the next is lowest."""
    known = with_values(rows, "similarity")
    for name in ("cka_next", *dict.fromkeys(row["metric"] for row in known)):
        of_metric = [row for row in known if row["metric"] == name]
        if of_metric:
            least = min(of_metric, key=lambda row: row["similarity"])
            layer = least["layer"]
            return (
                f"Least alike are layers {layer} and {layer + 1} of "
                f"{short_names(rows)[str(least['series'])]}: "
                f"{least['measure']} is {number(least['similarity'])}"
            )
    return None


def _comparable(rows: Sequence[Row], metric: MetricInfo | None) -> list[Row]:
    """Leave out the state after the final norm, and of dimensions the embedding."""
    least = 1 if is_dimension(metric) else 0
    return [
        row
        for row in with_values(rows)
        if row.get("site") != "final_norm" and row.get("layer", row.get("layer_below", 0)) >= least
    ]


def _without_sinks(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Pair the highest layer of each series with that layer without sinks."""
    peaks_of: dict[str, Row] = {}
    places = {}
    for row in rows:
        series = str(row["series"])
        places[series, row["scope"], row["depth"]] = row
        best = peaks_of.get(series)
        if row["scope"] == "all" and (best is None or row["value"] > best["value"]):
            peaks_of[series] = row
    pairs = [
        (row, places.get((series, "no_sinks", row["depth"]))) for series, row in peaks_of.items()
    ]
    return [(row, other) for row, other in pairs if other is not None]


def _highest(rows: Sequence[Row], names: dict[str, str], what: str) -> str | None:
    """Name the highest layer, where it is clearly above all other profiles."""
    rows = [row for row in rows if row["scope"] == rows[0]["scope"]]
    best = max(rows, key=lambda row: row["value"])
    others = [row for row in rows if row["series"] != best["series"]]
    values = [row["value"] for row in rows]
    if others:
        if not differ(best, max(others, key=lambda row: row["value"]), values):
            return None
        name = names[str(best["series"])]
        return capital(
            f"{what} {is_or_are(what)} highest in {name}: {number(best['value'])} at {_place(best)}"
        )
    if not differ(best, min(rows, key=lambda row: row["value"]), values):
        return None
    name = names[str(best["series"])]
    return capital(
        f"{what} in {name} {is_or_are(what)} highest at {_place(best)}: {number(best['value'])}"
    )


def _place(row: Row) -> str:
    """Name a layer, or a depth between layers."""
    return f"layer {row['layer']}" if "layer" in row else f"depth {number(row['depth'])}"


def _scope(row: Row) -> str:
    return {"no_sinks": f" {WITHOUT_SINKS}", "no_first": " without first tokens"}.get(
        row["scope"], ""
    )


def _decoders_first(kind: str) -> tuple[bool, str]:
    return (kind != "decoder", kind)
