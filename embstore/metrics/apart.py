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
Those over three and four tokens, which are smaller by the number of windows, are made of sums
over pairs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embstore.common.cached_attribute import cached_attribute
from embstore.common.scratch import scratch
from embstore.geometry.row_loops import centre_to_single
from embstore.metrics.clusters import Clusters
from embstore.types import FloatArray

# Products held at once.
_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Windows:
    """Which window each unit is from, and for how many tokens and pairs it stands.

    Attributes:
        clusters: of the units.
        n: tokens in all.
    """

    clusters: Clusters
    n: int

    @cached_attribute
    def _drawn(self) -> NDArray[np.int64]:
        return np.asarray(self.clusters.counts[:, 1:].sum(axis=1))

    @cached_attribute
    def _sizes(self) -> NDArray[np.int64]:
        return np.asarray(self.clusters.counts[:, 0] + self.clusters.tokens)

    @property
    def weight(self) -> float:
        """Tokens for each drawn unit."""
        return float(self.clusters.tokens.sum() / max(int(self._drawn.sum()), 1))

    @property
    def pair_weight(self) -> float:
        """Pairs of tokens of one window for each pair of drawn units; NaN for none."""
        tokens, drawn = self.clusters.tokens.astype(np.float64), self._drawn.astype(np.float64)
        pairs, kept = (tokens * (tokens - 1)).sum(), (drawn * (drawn - 1)).sum()
        if pairs <= 0:
            return 0.0
        return float(pairs / kept) if kept > 0 else float("nan")

    @property
    def unseen(self) -> float:
        """All tokens over those of windows that any unit is from: the others are like them."""
        return self.n / max(int(self._sizes.sum()), 1)

    @property
    def single(self) -> bool:
        """Whether each window is one token."""
        return bool(self._sizes.max(initial=0) <= 1)

    @cached_attribute
    def tuples(self) -> tuple[float, float, float]:
        """How many pairs, triples and fours of tokens of different windows there are."""
        sizes = self._sizes.astype(np.float64)
        p1, p2, p3, p4 = (self.unseen * float((sizes**k).sum()) for k in (1, 2, 3, 4))
        return (
            p1**2 - p2,
            p1**3 - 3 * p1 * p2 + 2 * p3,
            p1**4 - 6 * p1**2 * p2 + 3 * p2**2 + 8 * p1 * p3 - 6 * p4,
        )

    @property
    def why_not(self) -> str | None:
        """Why nothing can be estimated, or None."""
        if self.clusters.n_windows < 4:
            n = self.clusters.n_windows
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
        """For how many tokens each unit stands, (n_units,)."""
        return np.where(self.drawn, self.weight, np.where(self.of_units >= 0, 1.0, 0.0))

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum units' values, (n_units,), over each window, (n_windows,)."""
        counted = self.of_units >= 0
        n = self.clusters.n_windows
        return np.bincount(self.of_units[counted], values[counted], minlength=n)

    def over_windows(self, values: FloatArray) -> float:
        """Sum up what each unit adds, for all tokens of all windows."""
        return self.unseen * float(self.weights @ values)


@dataclass(frozen=True, eq=False)
class Side:
    """One layer's units in their windows, about the mean of all tokens, scaled.

    Attributes:
        windows: of the units.
        units: (n_units, d).
        scatter: sum of xxᵀ over all tokens, in the same scale, (d, d).
        to_window: product of each unit with the sum over its window, (n_units,).
    """

    windows: Windows
    units: NDArray[np.floating]
    scatter: FloatArray
    to_window: FloatArray

    @cached_attribute
    def squares(self) -> FloatArray:
        """‖x‖², (n_units,)."""
        return np.einsum("ij,ij->i", self.units, self.units, dtype=np.float64)

    @cached_attribute
    def own(self) -> FloatArray:
        """K_gg of each window, (n_windows,)."""
        return self.windows.sums(self.windows.weights * self.to_window)

    @cached_attribute
    def all_own(self) -> float:
        """The sum of K_gg over all windows."""
        apart = self.to_window - self.squares
        return float(np.trace(self.scatter)) + self.windows.over_windows(apart)

    @cached_attribute
    def totals(self) -> tuple[FloatArray, FloatArray]:
        """Sums over each window of the drawn units and of the others, (n_windows, d) each."""
        return self._totals(self.windows.drawn), self._totals(~self.windows.drawn)

    def _totals(self, chosen: NDArray[np.bool_]) -> FloatArray:
        rows = np.flatnonzero(chosen & (self.windows.of_units >= 0))
        windows = self.windows.of_units[rows]
        sums = np.zeros((self.windows.clusters.n_windows, self.units.shape[1]))
        order = np.argsort(windows, kind="stable")
        starts = np.flatnonzero(np.diff(windows[order], prepend=-1))
        if len(rows):
            ordered = self.units[rows[order]]
            sums[windows[order][starts]] = np.add.reduceat(ordered, starts, axis=0, dtype=float)
        return sums


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

    windows: Windows
    x: Side
    y: Side
    xx: FloatArray
    xy: FloatArray
    yy: FloatArray

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
        own = windows.unseen * float(x.own @ y.own)
        if windows.single:
            means = sums = whole
        else:
            sums = whole + windows.unseen * _between(windows, x, y, scatter, along)
            m = [windows.weight * side.totals[0] + side.totals[1] for side in (x, y)]
            means = windows.unseen**2 * float(np.square(m[0].T @ m[1]).sum())
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
            + np.square(others).sum()
            - windows.sums(np.where(windows.drawn, 0.0, fourth)).sum()
        )
        within = windows.unseen * float(by_pairs) + windows.over_windows(fourth)
        mixed = windows.unseen * float((windows.weight * drawn + others) @ x.own)
        own = windows.unseen * float(x.own @ x.own)
        if windows.single:
            means = float(np.vdot(x.scatter, x.scatter))
        else:
            m = windows.weight * x.totals[0] + x.totals[1]
            means = windows.unseen**2 * float(np.square(m.T @ m).sum())
        return (
            (trace**2 - within) / pairs
            + 2 * (trace * x.all_own - 2 * mixed) / triples
            + (2 * means + x.all_own**2 - 6 * own) / fours
        )


def _between(windows: Windows, x: Side, y: Side, scatter: FloatArray, along: FloatArray) -> float:
    """Sum xᵀA y₂ over all pairs of two different tokens of one window that was seen."""
    (drawn_x, others_x), (drawn_y, others_y) = x.totals, y.totals
    by_cell = along.reshape(windows.clusters.counts.shape)
    drawn, others = drawn_x @ scatter, others_x @ scatter
    return float(
        windows.pair_weight * (np.vdot(drawn, drawn_y) - by_cell[:, 1:].sum())
        + windows.weight * (np.vdot(drawn, others_y) + np.vdot(others, drawn_y))
        + np.vdot(others, others_y)
        - by_cell[:, 0].sum()
    )


def own_windows(
    clusters: Clusters,
    n: int,
    scale: float,
    *layers: tuple[NDArray[np.floating], FloatArray, FloatArray],
) -> Own | None:
    """Multiply the units of each window with each other; None where that tells nothing.

    Args:
        clusters: of the units.
        n: tokens in all.
        scale: what vectors are multiplied with, so that they are about one long.
        layers: one or two: the units, (n_units, d), the mean of all tokens, (d,), and the sum
            of their products about it, (d, d).
    """
    windows = Windows(clusters, n)
    if windows.why_not is not None:
        return None
    centred = [_centred(i, units, mean, scale) for i, (units, mean, _) in enumerate(layers)]
    sums = np.zeros((5, len(clusters.cells)))
    order = np.argsort(windows.of_units, kind="stable")
    order = order[windows.of_units[order] >= 0]
    sizes = windows.clusters.counts.sum(axis=1)
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes).tolist():
        # All windows of one size at once: there may be as many as tokens.
        rows = order[starts[sizes == size][:, np.newaxis] + np.arange(size)]
        for block in np.array_split(rows, max(1, rows.size * size // _BLOCK)):
            _multiply(windows, centred, block, sums)
    squares = [scatter * scale**2 for _, _, scatter in layers]
    sides = [
        Side(windows, units, scatter, to_window)
        for units, scatter, to_window in zip(centred, squares, sums[3:], strict=False)
    ]
    return Own(windows, sides[0], sides[-1], *sums[:3])


def _multiply(
    windows: Windows,
    layers: list[NDArray[np.floating]],
    rows: NDArray[np.int64],
    sums: FloatArray,
) -> None:
    """Fill in the sums of some windows' units, given as (windows, units)."""
    grams = [Z[rows] @ Z[rows].transpose(0, 2, 1) for Z in layers]
    grams = [gram.astype(np.float64) for gram in grams]
    drawn = windows.drawn[rows]
    # How often one unit counts beside another: (windows, units, units).
    between = np.where(
        drawn[:, :, np.newaxis],
        np.where(drawn[:, np.newaxis], windows.pair_weight / (windows.weight or 1.0), 1.0),
        np.where(drawn[:, np.newaxis], windows.weight, 1.0),
    )
    each = np.arange(rows.shape[1])
    between[:, each, each] = 1.0
    x, y = grams[0], grams[-1]
    products = (x * x, x * y, y * y) if len(grams) > 1 else (x * x,)
    for k, product in zip((0, 1, 2), products, strict=False):
        sums[k, rows] = (between * product).sum(axis=2)
    for k, gram in enumerate(grams):
        sums[3 + k, rows] = (between * gram).sum(axis=2)


def _centred(
    place: int, units: NDArray[np.floating], mean: FloatArray, scale: float
) -> NDArray[np.floating]:
    if units.dtype == np.float64:
        return np.asarray((units - mean) * scale)
    centred = scratch(f"apart {place}", units.shape, np.float32)
    centre_to_single(units, mean, scale, centred)
    return centred
