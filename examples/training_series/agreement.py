"""Whether two stores have the same numbers, and how far they are apart where they do not."""

import math
from dataclasses import dataclass
from pathlib import Path

import embstore

# What a number is of. Two stores give the same work the same names.
_PLACE = ("model", "revision", "stack", "layer", "site", "scope", "metric")
_NUMBERS = f"""
SELECT {", ".join(_PLACE)}, value, std_error, run.linear
FROM profile_latest JOIN run USING (run_id)
"""  # noqa: S608 - our own names

Place = tuple[object, ...]


@dataclass(frozen=True)
class Agreement:
    """One metric in two stores.

    Attributes:
        metric: its name.
        numbers: how many of it were compared.
        equal: how many are the same to the last bit, or undefined in both.
        relative: the largest difference, as a share of the larger of the two magnitudes.
        at: which number that is.
        errors: the largest difference in standard errors; NaN where none has an error.
        alike: how many numbers come from forward passes whose linear layers were multiplied by
            the same library, in both stores. embstore takes the faster one, and where the two
            hardly differ chance decides.
        alike_equal: how many of those are the same to the last bit.
    """

    metric: str
    numbers: int
    equal: int
    relative: float
    at: str
    errors: float
    alike: int
    alike_equal: int


def compare_stores(one: Path, other: Path) -> list[Agreement]:
    """Compare every number of two stores, metric by metric, the furthest apart first.

    Raises:
        ValueError: one store has a number that the other lacks, or defines it and the other not.
    """
    ours, theirs = _numbers(one), _numbers(other)
    if lacking := ours.keys() ^ theirs.keys():
        raise ValueError(f"{len(lacking)} numbers are in one store only, such as {min(lacking)}")
    found = [
        _compared(metric, {p: (ours[p], theirs[p]) for p in ours if p[-1] == metric})
        for metric in sorted({str(place[-1]) for place in ours})
    ]
    return sorted(found, key=lambda agreement: -agreement.relative)


@dataclass(frozen=True)
class _Number:
    value: float | None
    error: float | None
    linear: str


def _numbers(store: Path) -> dict[Place, _Number]:
    return {
        tuple(row[name] for name in _PLACE): _Number(row["value"], row["std_error"], row["linear"])
        for row in embstore.open(store).sql(_NUMBERS).to_pylist()
    }


def _compared(metric: str, pairs: dict[Place, tuple[_Number, _Number]]) -> Agreement:
    relative, at, errors = 0.0, "", math.nan
    for place, (ours, theirs) in pairs.items():
        a, b = ours.value, theirs.value
        if a is None or b is None:
            if a != b:
                raise ValueError(f"{place} is undefined in one store only")
            continue
        if (apart := abs(a - b) / (max(abs(a), abs(b)) or 1.0)) > relative:
            relative, at = apart, " ".join(map(str, place[:-1]))
        if ours.error:
            errors = max(abs(a - b) / ours.error, 0.0 if math.isnan(errors) else errors)
    equal = {place for place, (ours, theirs) in pairs.items() if ours.value == theirs.value}
    alike = {place for place, (ours, theirs) in pairs.items() if ours.linear == theirs.linear}
    return Agreement(
        metric,
        numbers=len(pairs),
        equal=len(equal),
        relative=relative,
        at=at,
        errors=errors,
        alike=len(alike),
        alike_equal=len(alike & equal),
    )
