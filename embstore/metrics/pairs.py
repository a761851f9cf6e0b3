"""Metrics of two layers at the same tokens: how one layer's vectors become the next's.

Formulas are written for a layer X and the next, Y, each row one token. Everything of
second order comes from sums over all tokens (covariances), never from an (n, d)
decomposition; only the errors look at the kept sample.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from embstore.metrics.uncertainty import Clusters
from embstore.moments import EPS, CrossMoments, Moments
from embstore.passes import centre_to_single, count_common, row_distances
from embstore.scratch import scratch
from embstore.types import FloatArray

OVERLAP_NEIGHBORS = 30


@dataclass(frozen=True, eq=False)
class Overlap:
    """How many neighbours each point shares between the two layers.

    Attributes:
        shares: of its nearest neighbours, for each point distinct in both layers, (n,).
        clusters: the points' windows.
    """

    shares: FloatArray
    clusters: Clusters


@dataclass(frozen=True, eq=False)
class Steps:
    """How far each sampled token moves and turns, and the means over all tokens.

    Attributes:
        ratios: ‖y − x‖/‖x‖ of the sample, NaN where x is zero, (n_sample,).
        cosines: cos(x, y) of the sample, NaN where either is zero, (n_sample,).
        mean_ratio: over all tokens with x not zero; NaN for none.
        mean_cosine: over all tokens where neither is zero; NaN for none.
        n_ratios: tokens behind ``mean_ratio``.
        n_cosines: tokens behind ``mean_cosine``.
    """

    ratios: FloatArray
    cosines: FloatArray
    mean_ratio: float
    mean_cosine: float
    n_ratios: int
    n_cosines: int


@dataclass(frozen=True, eq=False)
class Pair:
    """A layer and the next in one scope, at the same n tokens.

    Attributes:
        x: moments of the layer.
        y: moments of the next.
        cross: their joint second moment.
        sample_x: the layer's kept sample of every scope, (n, d_x).
        sample_y: the next layer's, the same tokens, (n, d_y).
        rows: which of the sample are in this scope, (n_sample,).
        clusters: the windows of these.
        spread_x: sum over each window of xᵀC_xx x, C the covariance, (n_windows,).
        spread_y: the same for the next layer.
        overlap: of nearest neighbours.
        steps: of the tokens, None where the layers differ in width.
    """

    x: Moments
    y: Moments
    cross: CrossMoments
    sample_x: NDArray[np.floating]
    sample_y: NDArray[np.floating]
    rows: NDArray[np.int64]
    clusters: Clusters
    spread_x: FloatArray
    spread_y: FloatArray
    overlap: Overlap
    steps: Steps | None

    @property
    def n(self) -> int:
        """Tokens in both layers."""
        return self.x.n

    @cached_property
    def fit(self) -> "Fit":
        """The least-squares map from the layer to the next."""
        total = float(np.trace(self.y.scatter))
        return Fit.of(self.x.scatter, self.cross.scatter, total)

    @cached_property
    def centred(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The samples less the means of all tokens, (n_sample, d_x) and (n_sample, d_y).

        They are the thread's own and last until it looks at another pair.
        """
        centred = []
        for name, sample, mean in (
            ("pair x", self.sample_x, self.x.mean),
            ("pair y", self.sample_y, self.y.mean),
        ):
            centred.append(scratch(name, (len(self.rows), len(mean)), np.float32))
            centre_to_single(sample, self.rows, mean, self.scale, centred[-1])
        return centred[0], centred[1]

    def mapped(self, map_: FloatArray) -> NDArray[np.float32]:
        """The centred sample of the layer times a matrix; the thread's own until the next."""
        X, Y = self.centred
        return np.dot(X, map_.astype(np.float32), out=scratch("mapped", Y.shape, np.float32))

    @property
    def scale(self) -> float:
        """Brings the next layer's vectors to length about one, for float32."""
        total = float(np.trace(self.y.scatter)) / max(self.n, 1)
        return float(total**-0.5) if total > 0 else 1.0

    @property
    def change(self) -> float:
        """Sum of squares of the centred differences y − x; NaN between unequal widths."""
        if self.x.scatter.shape != self.y.scatter.shape:
            return float("nan")
        ends = float(np.trace(self.x.scatter) + np.trace(self.y.scatter))
        change = ends - 2 * float(np.trace(self.cross.scatter))
        # What rounding leaves of two equal layers is no change.
        return change if change > len(self.x.mean) * EPS * ends else 0.0

    @cached_property
    def residual_squares(self) -> FloatArray:
        """‖y − xA‖² of the centred sample, in units of ``scale``⁻², (n_sample,)."""
        return np.asarray(row_distances(self.centred[1], self.mapped(self.fit.map)))


@dataclass(frozen=True, eq=False)
class Fit:
    """A least-squares map Y ≈ XA between centred vectors.

    Attributes:
        map: A, (d_x, d_y).
        rank: directions of X used.
        residual: ‖Y − XA‖², a sum over tokens and coordinates.
        total: ‖Y‖².
    """

    map: FloatArray
    rank: int
    residual: float
    total: float

    @classmethod
    def of(cls, xx: FloatArray, xy: FloatArray, total: float) -> "Fit":
        """Solve from scatter matrices.

        X's coordinates are scaled to variance one. Directions of the scaled X with less
        than ``RANK_CUTOFF`` of the largest eigenvalue are left out.

        Args:
            xx: XᵀX, (d_x, d_x).
            xy: XᵀY, (d_x, d_y).
            total: ‖Y‖².
        """
        variances = np.diag(xx)
        # A coordinate without variance of its own is left out by a scale of zero.
        usable = variances > EPS**2 * variances.max(initial=0.0)
        scale = np.zeros(len(variances))
        scale[usable] = variances[usable] ** -0.5
        correlation = xx * np.outer(scale, scale)
        scaled = xy * scale[:, np.newaxis]
        found = _by_cholesky(correlation, scaled) if usable.all() else None
        if found is None:
            found = _by_eigenvalues(correlation, scaled)
        weights, explained, rank = found
        return cls(weights * scale[:, np.newaxis], rank, max(total - explained, 0.0), total)


# Share of the largest eigenvalue below which a direction of X does not count. Sinks push those
# of ordinary tokens to 1e-7; joint moments are known to 1e-7 of those tokens' scale, whose
# square over a much smaller eigenvalue would pass for a fit.
RANK_CUTOFF = 1e-9
# The smallest pivot of a Cholesky factor only bounds the smallest eigenvalue from above.
_SAFE_PIVOT = 100 * RANK_CUTOFF


def _by_cholesky(
    correlation: FloatArray, scaled: FloatArray
) -> tuple[FloatArray, float, int] | None:
    """Solve quickly; None where X may lack full rank."""
    d = len(correlation)
    try:
        factor = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        return None
    if float(np.diag(factor).min()) ** 2 <= _SAFE_PIVOT:
        return None
    half = solve_triangular(factor, scaled, lower=True, check_finite=False)
    weights = solve_triangular(factor, half, lower=True, trans="T", check_finite=False)
    return weights, float(np.square(half).sum()), d


def _by_eigenvalues(correlation: FloatArray, scaled: FloatArray) -> tuple[FloatArray, float, int]:
    values, vectors = np.linalg.eigh(correlation)
    kept = values > RANK_CUTOFF * values[-1]
    vectors, values = vectors[:, kept], values[kept]
    projected = vectors.T @ scaled
    weights = vectors @ (projected / values[:, np.newaxis])
    explained = float(np.sum(np.square(projected).sum(axis=1) / values))
    return weights, explained, int(kept.sum())


def linearity(fit: Fit, n: int) -> float:
    """Tell how well a linear map takes one layer to the next.

    1 − ‖Y − XA‖²/‖Y‖² with the least-squares map A, X and Y centred, in [0, 1]. With n not
    many times d_x a part of the fit is chance. NaN where Y has no variance, or where n is
    so small that every map fits (n − 1 <= rank of X).

    Args:
        fit: the map.
        n: tokens.

    Razzhigaev et al. 2024, arXiv 2405.12250.
    """
    if not fit.total > 0 or n - 1 <= fit.rank:
        return float("nan")
    return 1.0 - fit.residual / fit.total


def linearity_residual(fit: Fit, change: float, n: int) -> float:
    """Tell how well a linear map of one layer gives what the next adds to it.

    ``linearity`` for Y − X, which leaves the same residuals: the residual stream, which
    carries X on unchanged, does not inflate it. In [0, 1]; NaN where nothing is added.

    Args:
        fit: the map from X to Y.
        change: ‖Y − X‖², centred.
        n: tokens.

    Razzhigaev et al. 2024, arXiv 2405.12250.
    """
    if not change > 0 or n - 1 <= fit.rank:
        return float("nan")
    return min(1.0, max(0.0, 1.0 - fit.residual / change))


def linear_cka(xx: FloatArray, xy: FloatArray, yy: FloatArray) -> float:
    """Compare two layers' geometry regardless of rotation and scale.

    ‖XᵀY‖²_F/(‖XᵀX‖_F ‖YᵀY‖_F) for centred X and Y, in [0, 1]; 1 if one is the other turned
    and scaled. NaN where either has no variance.

    Args:
        xx: XᵀX, (d_x, d_x), or the covariance.
        xy: XᵀY, (d_x, d_y).
        yy: YᵀY, (d_y, d_y).

    Kornblith et al. 2019, arXiv 1905.00414.

    >>> round(linear_cka(np.eye(2), 2 * np.eye(2), 4 * np.eye(2)), 12)
    1.0
    """
    product = float(np.linalg.norm(xx)) * float(np.linalg.norm(yy))
    return min(1.0, float(np.square(xy).sum()) / product) if product > 0 else float("nan")


def neighbor_overlap(
    neighbors_x: NDArray[np.integer], neighbors_y: NDArray[np.integer]
) -> FloatArray:
    """Return each point's share of common nearest neighbours in two layers, (n,) in [0, 1].

    Args:
        neighbors_x: indices of each point's k nearest others in one layer, (n, k).
        neighbors_y: in the other, (n, k).

    Valeriani et al. 2023, arXiv 2302.00294.

    >>> neighbor_overlap(np.array([[1, 2]]), np.array([[2, 3]])).tolist()
    [0.5]
    """
    n, k = neighbors_x.shape
    if not n or not k:
        return np.zeros(0)
    largest = max(int(neighbors_x.max()), int(neighbors_y.max()))
    return np.asarray(count_common(neighbors_x, neighbors_y, largest + 1) / k)


def linearity_of(X: NDArray[np.floating], Y: NDArray[np.floating]) -> float:
    """Return ``linearity`` of two arrays of the same tokens, (n, d_x) and (n, d_y)."""
    cross = CrossMoments.empty(X.shape[1], Y.shape[1])
    cross.add(X, Y)
    total = float(np.square(Y - cross.mean_y).sum())
    return linearity(Fit.of(Moments.of(X).scatter, cross.scatter, total), len(X))
