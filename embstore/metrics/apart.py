"""Squared norms of covariances without bias: from tokens of different windows only.

The square of a sum of products has each token's product with itself in it, and with the
tokens of its window, which resemble it. Both make ‖Σ‖² too large: at n = d by as much as
itself. Left out, what remains are products of independent tokens, and those are right on
average.

With a window's sum of vectors m_g, its sum of products A_g = Σ xyᵀ, and their sum A over all
windows, all about the mean over all tokens, so that Σ m_g = 0, and K_gh = m_g · m_h:

    ‖Σ_xy‖² = (‖A‖² − Σ‖·‖_g) / P₂
              + 2 (Σ_g m_gᵀ A m_g − 2 Σ_g m_gᵀ A_g m_g) / P₃
              + (2 ‖K‖² + (Σ_g K_gg)² − 6 Σ_g K_gg²) / P₄

where Σ‖·‖_g is (x·x₂)(y·y₂) summed over all pairs of tokens of one window, each with itself
too; one factor of each square is that of x, the other that of y; and P_k counts the tokens
of k different windows in order. The second and third line undo that the mean is not known.
For windows of one token it is the estimate of Himeno & Yamada 2014 (doi
10.1016/j.jmva.2014.04.020), in terms of Gram matrices the unbiased HSIC (Song et al. 2012, JMLR
13); for windows of equal length it has no bias whatever the correlation within them.

Of a window some tokens may be kept only: those that stand for N tokens of which k were kept
count N/k times alone and N(N − 1)/(k(k − 1)) times in pairs, each taken over all windows; with
tokens that stand for themselves, such as sinks, only the first. So sums over pairs have no bias.
Where windows with such a token are all seen, and others only if a token of them was drawn, each of
the two kinds of windows stands for those of its kind alone.
Those over three and four tokens, which are smaller by the number of windows, are made of sums
over pairs. Where many tokens were kept, a part of them is looked at.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embstore.common.cached_attribute import cached_attribute
from embstore.metrics.clusters import Clusters, Population
from embstore.types import FloatArray

# Products of tokens of four different windows are compared.
LEAST_WINDOWS = 4
# So many tokens of each window are enough: 500 pairs a window.
ENOUGH = 32


@dataclass(frozen=True, eq=False)
class UnitWindows:
    """Which window each unit is from, and for how many tokens and pairs it stands.

    Attributes:
        clusters: of the units.
        n: tokens in all.
    """

    clusters: Clusters
    n: int

    @classmethod
    def of(cls, clusters: Clusters, n: int) -> "UnitWindows":
        """Look at no more of the units than are enough."""
        return cls(clusters.thinned(ENOUGH), n)

    @cached_attribute
    def _drawn(self) -> NDArray[np.int64]:
        return np.asarray(self.clusters.counts[:, 1:].sum(axis=1))

    @cached_attribute
    def _sizes(self) -> NDArray[np.int64]:
        return np.asarray(self.clusters.counts[:, 0] + self.clusters.tokens)

    @cached_attribute
    def _apart(self) -> tuple[Population, NDArray[np.bool_]] | None:
        """All windows, and which of those seen have a unit alone; None if all or none have."""
        alone = self.clusters.counts[:, 0] > 0
        population = self.clusters.population
        return None if population is None or alone.all() else (population, alone)

    @property
    def weight(self) -> float:
        """Tokens for each drawn unit, in windows without a unit that stands for itself."""
        drawn = max(int(self._drawn.sum()), 1)
        if self._apart is not None:
            return self._apart[0].others / drawn / self.unseen
        return float(self.clusters.tokens.sum() / drawn)

    @property
    def pair_weight(self) -> float:
        """Pairs of tokens of one window for each pair of drawn units, there; NaN for none."""
        tokens, drawn = self.clusters.tokens.astype(np.float64), self._drawn.astype(np.float64)
        pairs, kept = (tokens * (tokens - 1)).sum(), (drawn * (drawn - 1)).sum()
        if self._apart is not None:
            pairs = self._apart[0].pairs / self.unseen
        if pairs <= 0:
            return 0.0
        return float(pairs / kept) if kept > 0 else float("nan")

    @cached_attribute
    def unseen(self) -> float:
        """All tokens over those of windows that any unit is from: the others are like them.

        Where only some windows have a unit that stands for itself, of the other windows.
        """
        if self._apart is None:
            return self.n / max(int(self._sizes.sum()), 1)
        population, alone = self._apart
        return (self.n - population.with_whole) / max(int(self._sizes[~alone].sum()), 1)

    @cached_attribute
    def more_alone(self) -> float:
        """``unseen`` of windows with a unit that stands for itself, over that of the others."""
        if self._apart is None:
            return 1.0
        population, alone = self._apart
        return population.with_whole / int(self._sizes[alone].sum()) / self.unseen

    @cached_attribute
    def relative(self) -> FloatArray:
        """For how many windows each stands, over ``unseen``, (n_windows,)."""
        alone = self.clusters.counts[:, 0] > 0
        return np.where(alone, self.more_alone, 1.0)

    @cached_attribute
    def weight_in(self) -> FloatArray:
        """Tokens of each window for each unit drawn of it, (n_windows,)."""
        return np.asarray(self.weight / self.relative)

    @property
    def single(self) -> bool:
        """Whether each window is one token."""
        return bool(self._sizes.max(initial=0) <= 1)

    @cached_attribute
    def tuples(self) -> tuple[float, float, float]:
        """How many pairs, triples and fours of tokens of different windows there are."""
        sizes = self._sizes.astype(np.float64)
        p1, p2, p3, p4 = (
            self.unseen * float((self.relative * sizes**k).sum()) for k in (1, 2, 3, 4)
        )
        return (
            p1**2 - p2,
            p1**3 - 3 * p1 * p2 + 2 * p3,
            p1**4 - 6 * p1**2 * p2 + 3 * p2**2 + 8 * p1 * p3 - 6 * p4,
        )

    @property
    def why_not(self) -> str | None:
        """Why nothing can be estimated, or None."""
        n = self.clusters.n_windows
        if n < LEAST_WINDOWS:
            return f"{n} window{'s' * (n != 1)}: needs four, since it compares different ones"
        if np.isnan(self.pair_weight):
            return "no two tokens of one window were kept: keep more"
        return None

    @cached_attribute
    def of_units(self) -> NDArray[np.int64]:
        """Window of each unit, -1 for those that do not count, (n_units,)."""
        cells = self.clusters.cells
        return np.where(cells >= 0, cells // self.clusters.n_parts, -1)

    @cached_attribute
    def drawn(self) -> NDArray[np.bool_]:
        """Which units stand for others, (n_units,)."""
        return np.asarray((self.clusters.cells % self.clusters.n_parts > 0) & (self.of_units >= 0))

    @cached_attribute
    def weights(self) -> FloatArray:
        """For how many tokens of its window each unit stands, (n_units,)."""
        weights = self.weight_in[self.of_units]
        return np.where(self.drawn, weights, np.where(self.of_units >= 0, 1.0, 0.0))

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum units' values, (n_units,), over each window, (n_windows,)."""
        counted = self.of_units >= 0
        n = self.clusters.n_windows
        sums = np.bincount(self.of_units[counted], values[counted], minlength=n)
        return np.asarray(sums, dtype=np.float64)

    def over_windows(self, values: FloatArray) -> float:
        """Sum up what each unit adds, for all tokens of all windows."""
        return self.unseen * float((self.weights * self.relative[self.of_units]) @ values)

    def products(self, values: FloatArray, others: FloatArray) -> float:
        """Sum up products of two numbers of each window, (n_windows,), for all windows."""
        return self.unseen * float((self.relative * values) @ others)

    def squared_norm(self, totals: FloatArray, others: FloatArray) -> float:
        """Square the sum of both layers' totals' products, (n_windows, d), of all windows."""
        summed = (totals * self.relative[:, np.newaxis]).T @ others
        return self.unseen**2 * float(np.square(summed).sum())


@dataclass(frozen=True, eq=False)
class Side:
    """One layer's units in their windows, about the mean of all tokens, scaled.

    Attributes:
        windows: of the units.
        scatter: sum of xxᵀ over all tokens, in the same scale, (d, d).
        squares: ‖x‖² of each unit, (n_units,).
        to_window: product of each unit with the sum over its window, (n_units,).
        drawn: sum over each window of the units that stand for others, (n_windows, d).
        others: sum over each window of the units that do not, (n_windows, d).
    """

    windows: UnitWindows
    scatter: FloatArray
    squares: FloatArray
    to_window: FloatArray
    drawn: FloatArray
    others: FloatArray

    @property
    def totals(self) -> FloatArray:
        """Sum over each window of all its tokens, as far as the units tell, (n_windows, d)."""
        return self.windows.weight_in[:, np.newaxis] * self.drawn + self.others

    @cached_attribute
    def own(self) -> FloatArray:
        """K_gg of each window, (n_windows,)."""
        return self.windows.sums(self.windows.weights * self.to_window)

    @cached_attribute
    def all_own(self) -> float:
        """The sum of K_gg over all windows."""
        apart = self.to_window - self.squares
        return float(np.trace(self.scatter)) + self.windows.over_windows(apart)


@dataclass(frozen=True, eq=False)
class Own:
    """What is summed over tokens of one window: to be left out.

    Attributes:
        windows: of the units.
        x: the layer.
        y: the next, or the same.
        xx: sum over the tokens x₂ of its window of (x·x₂)², (n_units,).
        xy: the same of (x·x₂)(y·y₂).
        yy: the same of (y·y₂)².
    """

    windows: UnitWindows
    x: Side
    y: Side
    xx: FloatArray
    xy: FloatArray
    yy: FloatArray

    def over_cells(self, within: FloatArray, clusters: Clusters) -> FloatArray:
        """Sum ``xx``, ``xy`` or ``yy`` over each cell of all units, (n_cells,).

        Sampled units that were not looked at are like the others of their window.

        Args:
            within: of each unit, (n_units,).
            clusters: of all units.
        """
        seen = self.windows.clusters
        sums = seen.sums(within).reshape(seen.counts.shape)
        if seen.counts[:, 1:].sum() < clusters.counts[:, 1:].sum():
            mean = sums[:, 1:].sum(axis=1) / np.maximum(seen.counts[:, 1:].sum(axis=1), 1)
            sums[:, 1:] = mean[:, np.newaxis] * clusters.counts[:, 1:]
        return np.asarray(sums.ravel())

    def norm_squared(
        self, x: Side, y: Side, within: FloatArray, scatter: FloatArray, along: FloatArray
    ) -> float:
        """Estimate ‖Σ_xy‖².

        Args:
            x: a layer.
            y: a layer.
            within: ``xx``, ``xy`` or ``yy``.
            scatter: A, the sum of xyᵀ over all tokens, (d_x, d_y).
            along: xᵀAy, summed over the units of each cell, (n_cells,).
        """
        windows = self.windows
        pairs, triples, fours = windows.tuples
        whole = float(np.vdot(scatter, scatter))
        apart = windows.over_windows(x.to_window * y.to_window)
        own = windows.products(x.own, y.own)
        if windows.single:
            means = sums = whole
        else:
            sums = whole + windows.unseen * _between(windows, x, y, scatter, along)
            means = windows.squared_norm(x.totals, y.totals)
        return (
            (whole - windows.over_windows(within)) / pairs
            + 2 * (sums - 2 * apart) / triples
            + (2 * means + x.all_own * y.all_own - 6 * own) / fours
        )

    def trace_squared(self) -> float:
        """Estimate (tr Σ)² of the layer."""
        windows, x = self.windows, self.x
        pairs, triples, fours = windows.tuples
        trace = float(np.trace(x.scatter))
        drawn = windows.sums(np.where(windows.drawn, x.squares, 0.0))
        others = windows.sums(np.where(windows.drawn, 0.0, x.squares))
        fourth = np.square(x.squares)
        by_pairs = (
            windows.pair_weight * (np.square(drawn).sum() - fourth[windows.drawn].sum())
            + 2 * windows.weight * (drawn @ others)
            + windows.more_alone * np.square(others).sum()
            - windows.more_alone * windows.sums(np.where(windows.drawn, 0.0, fourth)).sum()
        )
        within = windows.unseen * float(by_pairs) + windows.over_windows(fourth)
        mixed = windows.products(windows.weight_in * drawn + others, x.own)
        own = windows.products(x.own, x.own)
        if windows.single:
            means = float(np.vdot(x.scatter, x.scatter))
        else:
            means = windows.squared_norm(x.totals, x.totals)
        return (
            (trace**2 - within) / pairs
            + 2 * (trace * x.all_own - 2 * mixed) / triples
            + (2 * means + x.all_own**2 - 6 * own) / fours
        )


def _between(
    windows: UnitWindows, x: Side, y: Side, scatter: FloatArray, along: FloatArray
) -> float:
    """Sum xᵀA y₂ over all pairs of two different tokens of one window that was seen."""
    by_cell = along.reshape(windows.clusters.counts.shape)
    alone = windows.more_alone * by_cell[:, 0].sum()
    if windows.clusters.n_parts == 1:
        # Of all tokens it is known, and more exactly.
        alone = np.vdot(scatter, scatter) / windows.unseen
    drawn, others = x.drawn @ scatter, x.others @ scatter
    each = by_cell[:, 1:][windows.clusters.counts[:, 1:] > 0].sum()
    return float(
        windows.pair_weight * (np.vdot(drawn, y.drawn) - each)
        + windows.weight * (np.vdot(drawn, y.others) + np.vdot(others, y.drawn))
        + windows.more_alone * np.vdot(others, y.others)
        - alone
    )
