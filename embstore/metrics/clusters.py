"""How much each window moves a number, from how much each of its tokens does.

Tokens of one window are correlated, so the window is the unit. A window's total is the sum
of its tokens' influences; where only some of its tokens were kept, those stand for the
others, and the part of the totals' spread that comes from which were kept is taken off
again (two-stage sampling: Cochran 1977, Sampling Techniques, ch. 10). Tokens that are kept
whole, such as sinks, may be known of more windows than those that are drawn: they are two
strata, each with the windows that it stands for.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from embstore.types import FloatArray

# Parts that a window's sampled tokens are dealt into: their spread tells the chance in the
# choice of tokens, and a few parts cost less than all tokens.
N_DEALT = 4

# How much counts of what a point does to others as their neighbour. Where two points are each
# other's neighbour, what they have in common is counted from both ends already: √2 − 1 is
# exact for a sum over such pairs (the jackknife, with 1, doubles its variance: Efron & Stein
# 1981, doi 10.1214/aos/1176345462). Where windows differ more counts: at least a half. And more
# where few neighbours are mutual, as among heavy tails in many dimensions, where a few points are
# neighbours of many: all of it, less so many times the share that is. Both hold in
# ``benchmarks/coverage.py``.
AS_NEIGHBOR, LESS_IF_MUTUAL = 0.5, 1.35


@dataclass(frozen=True, eq=False)
class Totals:
    """How much each window moves a number, and the standard error that follows.

    Attributes:
        windows: what each adds to the number, about 0 in sum, (n_windows,); their spread
            is that of ``error``.
        numbers: which windows these are, ascending, (n_windows,).
        error: the standard error.
    """

    windows: FloatArray
    numbers: NDArray[np.int64]
    error: float

    def scaled(self, slope: float) -> "Totals":
        """Return them for a number that moves ``slope`` times as much."""
        return replace(self, windows=self.windows * slope, error=self.error * abs(slope))

    @classmethod
    def of(cls, windows: FloatArray, numbers: NDArray[np.int64]) -> "Totals | None":
        """Take totals as they are; None with fewer than two windows, or not finite."""
        n = len(windows)
        if n < 2 or not np.isfinite(windows).all():
            return None
        centred = windows - windows.mean()
        return cls(centred, numbers, math.sqrt(float(centred @ centred) * n / (n - 1)))


@dataclass(frozen=True)
class Population:
    """All windows, of which tokens that are kept whole are seen more, or less, than others.

    Attributes:
        whole_seen: share that is seen of the windows with tokens that are kept whole.
        drawn_seen: share that any token was drawn of, of the windows with other tokens.
        with_whole: tokens of the windows with tokens that are kept whole, of both kinds.
        others: tokens that are not kept whole.
        pairs: of two such tokens of one window, in order.
    """

    whole_seen: float
    drawn_seen: float
    with_whole: int
    others: int
    pairs: float


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which window each unit (token or distinct point) is from, and what it stands for.

    Attributes:
        cells: of each unit its window times ``n_parts`` plus a part of that window: 0 for
            units that stand for themselves, others for those that also stand for tokens
            that were not kept; -1 for units that do not count, (n,).
        n_parts: 1 if all units stand for themselves.
        counts: units in each cell, (n_windows, n_parts).
        tokens: tokens that the units of each window's parts from 1 on stand for,
            (n_windows,); 0 where there are none.
        windows: their numbers, ascending, (n_windows,).
        coverage: share of all windows that these are; the others are taken to be like them.
        population: all windows, where some units stand for themselves and some for others, and
            it is known how many tokens of either kind each window has.
    """

    cells: NDArray[np.int64]
    n_parts: int
    counts: NDArray[np.int64]
    tokens: NDArray[np.int64]
    windows: NDArray[np.int64]
    coverage: float = 1.0
    population: Population | None = None

    @classmethod
    def of(cls, windows: NDArray[np.int64]) -> "Clusters":
        """Number the windows that occur; every unit stands for itself; (n,)."""
        occurring, index = np.unique(windows, return_inverse=True)
        counts = np.bincount(index)[:, np.newaxis]
        none = np.zeros(len(counts), dtype=np.int64)
        return cls(index.astype(np.int64), 1, counts, none, occurring)

    @classmethod
    def of_sample(
        cls,
        windows: NDArray[np.int64],
        alone: NDArray[np.bool_],
        sampled: NDArray[np.bool_],
        tokens: NDArray[np.int64],
        *,
        n_windows: int,
        whole: NDArray[np.int64] | None = None,
    ) -> "Clusters":
        """Number the windows of units of which some stand for tokens that were not kept.

        Args:
            windows: of each unit, (n,).
            alone: which units stand for themselves, (n,).
            sampled: which stand for others of their window as well, (n,).
            tokens: how many tokens those stand for, by window, (all windows,).
            n_windows: how many there are, with those that no unit is from.
            whole: how many tokens each window has of those kept whole, seen or not, (all
                windows,); None where both kinds are known of the same windows.
        """
        counted = alone | sampled
        occurring, index = np.unique(windows[counted], return_inverse=True)
        parts = np.zeros(len(index), dtype=np.int64)
        drawn = np.flatnonzero(sampled[counted])
        # At random: tokens next to each other are alike, and must not share a part.
        parts[drawn] = 1 + np.random.default_rng(0).permutation(len(drawn)) % N_DEALT
        n_parts = 1 + N_DEALT if len(drawn) else 1
        cells = np.full(len(windows), -1, dtype=np.int64)
        cells[counted] = index * n_parts + parts
        size = len(occurring) * n_parts
        counts = np.bincount(cells[counted], minlength=size).reshape(-1, n_parts)
        coverage = len(occurring) / max(n_windows, 1)
        population = None
        if whole is not None and alone.any() and len(drawn):
            population = _population(counts, whole, tokens)
        return cls(cells, n_parts, counts, tokens[occurring], occurring, coverage, population)

    def thinned(self, least: int) -> "Clusters":
        """Leave only one part of the sampled units, where all windows have so many in it."""
        if self.n_parts == 1 or self.counts[:, 1].min(initial=least) < least:
            return self
        counts = self.counts.copy()
        counts[:, 2:] = 0
        cells = np.where(self.cells % self.n_parts > 1, -1, self.cells)
        return replace(self, cells=cells, counts=counts)

    @property
    def n_windows(self) -> int:
        """Windows that any unit is from."""
        return len(self.counts)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum the units' values, (n,), over each cell, (n_windows * n_parts,)."""
        counted = self.cells >= 0
        sums = np.bincount(self.cells[counted], values[counted], minlength=self.counts.size)
        return np.asarray(sums, dtype=np.float64)

    def totals(self, sums: FloatArray) -> Totals | None:
        """Return what each window moves a number that is a mean over all tokens.

        Args:
            sums: influences summed over each cell, up to a constant for each token: it is
                centred here, (n_windows * n_parts,).

        Returns:
            None with fewer than two windows, or where a sum is not finite.
        """
        if self.n_windows < 2 or not np.isfinite(sums).all():
            return None
        by_part = sums.reshape(self.counts.shape)
        drawn = self.counts[:, 1:].sum(axis=1)
        weights = self.tokens / np.maximum(drawn, 1)
        alone, others = by_part[:, 0], weights * by_part[:, 1:].sum(axis=1)
        n_alone, n_others = self.counts[:, 0], weights * drawn
        seen = self.population
        if seen is None or seen.whole_seen == seen.drawn_seen:
            coverage = self.coverage if seen is None else seen.drawn_seen
            totals, n_tokens = alone + others, n_alone + n_others
            n = float(n_tokens.sum())
            centred = (totals - n_tokens * (totals.sum() / n)) / n
            # A mean over more windows than were seen varies less.
            found = Totals.of(centred * math.sqrt(coverage), self.windows)
            n /= math.sqrt(coverage)
        else:
            found, n = _of_strata((alone, others), (n_alone, n_others), seen, self.windows)
            n *= math.sqrt(seen.drawn_seen)
        if found is None or self.n_parts == 1:
            return found
        within = self._variance_within(by_part[:, 1:])
        tokens = np.where(drawn > 0, self.tokens, 0)
        chance = float((tokens * np.maximum(weights - 1, 0) * within).sum()) / n**2
        # Tokens of a window hardly repel each other: independent ones set the least error.
        least = float((tokens * within).sum()) / n**2
        kept = max(found.error**2 - chance, min(least, found.error**2))
        if not found.error > 0:
            return found
        return found.scaled(math.sqrt(kept) / found.error)

    def _variance_within(self, by_part: FloatArray) -> FloatArray:
        """Variance over the tokens of each window, from the spread of its parts, (n_windows,)."""
        counts = self.counts[:, 1:]
        drawn = counts.sum(axis=1, keepdims=True)
        mean = by_part.sum(axis=1, keepdims=True) / np.maximum(drawn, 1)
        squares = np.square(by_part - counts * mean) / np.maximum(counts, 1)
        degrees = np.maximum((counts > 0).sum(axis=1) - 1, 0)
        total = squares.sum(axis=1)
        usual = total.sum() / max(int(degrees.sum()), 1)
        return np.asarray(np.where(degrees > 0, total / np.maximum(degrees, 1), usual))


def _population(
    counts: NDArray[np.int64], whole: NDArray[np.int64], others: NDArray[np.int64]
) -> Population:
    """Compare the units of each window, by part, with the tokens of all windows, by kind."""
    n_others = others.astype(np.float64)
    return Population(
        whole_seen=int((counts[:, 0] > 0).sum()) / max(int((whole > 0).sum()), 1),
        drawn_seen=int((counts[:, 1:] > 0).any(axis=1).sum()) / max(int((others > 0).sum()), 1),
        with_whole=int((whole + others)[whole > 0].sum()),
        others=int(others.sum()),
        pairs=float((n_others * (n_others - 1)).sum()),
    )


def _of_strata(
    sums: tuple[FloatArray, FloatArray],
    tokens: tuple[NDArray[np.int64], FloatArray],
    seen: Population,
    windows: NDArray[np.int64],
) -> tuple[Totals | None, float]:
    """Return totals of what is kept whole and of the rest, each for its own windows.

    Args:
        sums: influences of either kind, summed over each window, (n_windows,) each.
        tokens: how many tokens of the window these are, (n_windows,) each.
        seen: all windows.
        windows: their numbers, (n_windows,).

    Returns:
        The totals, and for how many tokens all these stand.
    """
    (alone, others), (n_alone, n_others) = sums, tokens
    a, b = seen.whole_seen, seen.drawn_seen
    n = float(n_alone.sum()) / a + float(n_others.sum()) / b
    mean = (float(alone.sum()) / a + float(others.sum()) / b) / n
    centred = (alone - mean * n_alone) / math.sqrt(a) + (others - mean * n_others) / math.sqrt(b)
    centred /= n
    found = Totals.of(centred, windows)
    if found is None or not found.error > 0:
        return found, n
    # It is over all windows, and not over those seen, that they sum up to nothing.
    size = len(windows)
    error = math.sqrt(float(centred @ centred) * size / (size - 1))
    return found.scaled(error / found.error), n
