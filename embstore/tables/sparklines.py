"""A line of numbers in a line of text: ``▁▂▅█▇▃``."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import fmean

from embstore.tables.looks import looks_of, texts

_LEVELS = "▁▂▃▄▅▆▇█"
_GAP = " "


def sparkline(
    values: Sequence[float | None], most: int = 40, ends: tuple[float, float] | None = None
) -> str:
    """Draw numbers as blocks from the lowest to the highest, and gaps where one is missing.

    Args:
        values: in order; None where there is none.
        most: blocks to draw; of more numbers neighbours share one, which stands for their mean.
        ends: what the lowest and the highest block stand for, which hold all values; lines that
            are compared have the same. None for the least and the greatest block drawn.

    >>> sparkline([0, 1, 2, None, 3, 7])
    '▁▂▃ ▄█'
    """
    n = min(len(values), most)
    cuts = [place * len(values) // n for place in range(n + 1)] if n else []
    parts = [_finite(values[a:b]) for a, b in pairwise(cuts)]
    means = [fmean(part) if part else None for part in parts]
    present = _finite(means)
    if not present:
        return ""
    least, greatest = ends or (min(present), max(present))
    span = greatest - least
    top = len(_LEVELS) - 1
    return "".join(
        _GAP if mean is None else _LEVELS[round(top * (mean - least) / span) if span else 0]
        for mean in means
    )


def ends_of(lines: Iterable[Sequence[float | None]]) -> tuple[float, float] | None:
    """Return the least and the greatest number of several lines; None without any.

    >>> ends_of([[0.25, None], [0.5, 2.0]])
    (0.25, 2.0)
    """
    present = [value for values in lines for value in _finite(values)]
    return (min(present), max(present)) if present else None


def range_of(values: Sequence[float | None]) -> str:
    """Say how far numbers go: ``0.06 to 0.99``."""
    present = _finite(values)
    if not present:
        return ""
    ends = [min(present), max(present)]
    (look,) = looks_of(lambda: [[ends]], 1)
    low, high = texts(ends, look)
    return low if low == high else f"{low} to {high}"


def _finite(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]
