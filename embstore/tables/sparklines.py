"""A line of numbers in a line of text: ``▁▂▅█▇▃``."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from embstore.tables.looks import looks_of, texts

_LEVELS = "▁▂▃▄▅▆▇█"
_GAP = " "


def sparkline(values: Sequence[float | None], most: int = 40) -> str:
    """Draw numbers as blocks from the lowest to the highest, and gaps where one is missing.

    Args:
        values: in order; None where there is none.
        most: blocks to draw; of more numbers neighbours share one, which stands for their mean.

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
    least, span = min(present), max(present) - min(present)
    top = len(_LEVELS) - 1
    return "".join(
        _GAP if mean is None else _LEVELS[round(top * (mean - least) / span) if span else 0]
        for mean in means
    )


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
