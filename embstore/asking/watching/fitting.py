"""Decides what of a training a terminal has room for: metrics, sparklines and layers."""

from collections.abc import Sequence
from dataclasses import dataclass

# Characters between two columns.
GAP = 2
# Blocks of a sparkline: fewer show no shape, more are wider than an eye takes in.
_FEWEST, _MOST = 8, 40
# Where the output has no width of its own.
_MOST_IN_TEXT = 20


@dataclass(frozen=True)
class Fit:
    """What a line has room for.

    Attributes:
        metrics: how many of them, from the left.
        sparklines: how many of these have a sparkline.
        blocks: of each sparkline.
    """

    metrics: int
    sparklines: int
    blocks: int


@dataclass(frozen=True)
class Widths:
    """What decides how wide a metric's columns are.

    Attributes:
        head: of its name.
        number: of its widest number.
    """

    head: int
    number: int

    def with_blocks(self, blocks: int) -> int:
        """Return how wide it is with a sparkline of so many blocks, or with none."""
        return max(self.head, self.number + (1 + blocks if blocks else 0))


def fit(label: int, columns: Sequence[Widths], n_steps: int, width: int | None) -> Fit:
    """Leave out from the right what a line has no room for: a sparkline before its number.

    Args:
        label: the width of the layers' names.
        columns: the metrics.
        n_steps: how many values each sparkline has.
        width: characters of a line; None for as many as it takes.

    >>> columns = [Widths(10, 6)] * 3
    >>> fit(9, columns, 20, 80), fit(9, columns, 20, 50)
    (Fit(metrics=3, sparklines=3, blocks=14), Fit(metrics=2, sparklines=2, blocks=11))
    """
    if width is None:
        return Fit(len(columns), len(columns), min(n_steps, _MOST_IN_TEXT))
    fewest = min(n_steps, _FEWEST)

    def line(metrics: int, sparklines: int, blocks: int) -> int:
        sizes = [
            column.with_blocks(blocks if place < sparklines else 0)
            for place, column in enumerate(columns[:metrics])
        ]
        return label + sum(GAP + size for size in sizes)

    # The first metric's number stays, however narrow a line is.
    metrics, sparklines = len(columns), len(columns)
    while metrics + sparklines > 1 and line(metrics, sparklines, fewest) > width:
        if sparklines == metrics:
            sparklines -= 1
        else:
            metrics -= 1
    if not sparklines:
        return Fit(metrics, 0, 0)
    most = min(n_steps, _MOST)
    blocks = fewest
    while blocks < most and line(metrics, sparklines, blocks + 1) <= width:
        blocks += 1
    return Fit(metrics, sparklines, blocks)


def spread(n: int, most: int) -> list[int]:
    """Choose up to ``most`` of ``n`` places, evenly spread and with both ends.

    >>> spread(13, 5), spread(3, 5), spread(13, 1)
    ([0, 3, 6, 9, 12], [0, 1, 2], [6])
    """
    if most >= n:
        return list(range(n))
    if most < 2:
        return [n // 2][:most]
    return [(place * (n - 1) + (most - 1) // 2) // (most - 1) for place in range(most)]
