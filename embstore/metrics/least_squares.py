"""The least-squares map between two layers, from sums over their tokens."""

from dataclasses import dataclass

import numpy as np

from embstore.geometry.arithmetic.choose import eigh, matmul
from embstore.geometry.arithmetic.factor import Factor, factor_of
from embstore.geometry.moments import EPS
from embstore.types import FloatArray

# A direction of X counts if its eigenvalue is at least this share of the largest. It must be so
# small because sinks make the largest huge: beside it, directions of ordinary tokens have 1e-7.
# It must not be smaller because sums of products are rounded: divided by a tinier eigenvalue,
# the rounding error would look like a good fit.
RANK_CUTOFF = 1e-9
# The smallest eigenvalue lies below the smallest pivot of a Cholesky factor, by an unknown
# amount: a factor is trusted only if that pivot is this far above the cutoff.
_SAFE_PIVOT = 100 * RANK_CUTOFF


@dataclass(frozen=True, eq=False)
class Cholesky:
    """X's scatter as (L·s⁻¹)(L·s⁻¹)ᵀ: a factor L of its correlations, and a scale s.

    Attributes:
        factor: L, (d_x, d_x).
        scale: one over the root of each coordinate's scatter, (d_x,).
    """

    factor: Factor
    scale: FloatArray

    def half(self, right: FloatArray) -> FloatArray:
        """Return L⁻¹s times ``right``, (d_x, k): rightᵀ(XᵀX)⁻¹right is its Gram matrix."""
        return self.factor.solve(right * self.scale[:, np.newaxis])

    def whole(self, half: FloatArray) -> FloatArray:
        """Return (XᵀX)⁻¹ times what ``half`` was made from, (d_x, k)."""
        return self.factor.solve_transposed(half) * self.scale[:, np.newaxis]


@dataclass(frozen=True, eq=False)
class Fit:
    """A least-squares map Y ≈ XA between centred vectors.

    Attributes:
        map: A, (d_x, d_y).
        rank: directions of X used.
        residual: ‖Y − XA‖², a sum over tokens and coordinates.
        total: ‖Y‖².
        cholesky: of XᵀX where X has full rank, else None.
    """

    map: FloatArray
    rank: int
    residual: float
    total: float
    cholesky: Cholesky | None = None

    @classmethod
    def of(cls, xx: FloatArray, xy: FloatArray, total: float, device: str = "cpu") -> "Fit":
        """Solve from scatter matrices.

        X's coordinates are scaled to variance one. Directions of the scaled X with less
        than ``RANK_CUTOFF`` of the largest eigenvalue are left out.

        Args:
            xx: XᵀX, (d_x, d_x).
            xy: XᵀY, (d_x, d_y).
            total: ‖Y‖².
            device: where it is solved, if it has float64.
        """
        variances = np.diag(xx)
        # A scale of zero leaves out a coordinate that does not vary.
        usable = variances > EPS**2 * variances.max(initial=0.0)
        scale = np.zeros(len(variances))
        scale[usable] = variances[usable] ** -0.5
        correlation = xx * np.outer(scale, scale)
        factor = factor_of(correlation, device) if usable.all() else None
        if factor is None or not factor.least_pivot**2 > _SAFE_PIVOT:
            scaled = xy * scale[:, np.newaxis]
            weights, explained, rank = _by_eigenvalues(correlation, scaled, device)
            map_ = weights * scale[:, np.newaxis]
            return cls(map_, rank, max(total - explained, 0.0), total)
        cholesky = Cholesky(factor, scale)
        half = cholesky.half(xy)
        explained = float(np.square(half).sum())
        map_ = cholesky.whole(half)
        return cls(map_, len(xx), max(total - explained, 0.0), total, cholesky)

    def with_tokens(self, x: FloatArray, y: FloatArray, total: float) -> "tuple[Fit, Gain]":
        """Take in a few more tokens: recursive least squares, all of them at once.

        Exact, and closer than a fit of sums in which a few huge vectors drown the rest.

        Args:
            x: what they add to XᵀX is xᵀx, (k, d_x).
            y: what they add to XᵀY is xᵀy, (k, d_y).
            total: ‖Y‖² with them.

        Returns:
            The new fit, and how it came from this one.

        Raises:
            ValueError: there are tokens, and this fit does not have full rank.

        Plackett 1950, doi 10.1093/biomet/37.1-2.149.
        """
        if not len(x):
            d_x, d_y = self.map.shape
            return self, Gain(np.zeros((d_x, 0)), np.zeros((0, d_y)))
        if self.cholesky is None:
            raise ValueError("a fit without full rank cannot take in tokens")
        half = self.cholesky.half(x.T)
        gain = self.cholesky.whole(half)
        missed = y - x @ self.map
        change = np.asarray(np.linalg.solve(np.eye(len(x)) + half.T @ half, missed), float)
        residual = self.residual + max(float(np.vdot(missed, change)), 0.0)
        found = Fit(self.map + gain @ change, self.rank, residual, total)
        return found, Gain(gain, change)


@dataclass(frozen=True, eq=False)
class Gain:
    """How tokens changed a map: it gained ``gain @ change``.

    Attributes:
        gain: (d_x, k).
        change: (k, d_y).
    """

    gain: FloatArray
    change: FloatArray


def _by_eigenvalues(
    correlation: FloatArray, scaled: FloatArray, device: str
) -> tuple[FloatArray, float, int]:
    values, vectors = eigh(correlation, device)
    kept = values > RANK_CUTOFF * values[-1]
    vectors, values = vectors[:, kept], values[kept]
    projected = matmul(vectors.T, scaled, device)
    weights = matmul(vectors, projected / values[:, np.newaxis], device)
    explained = float(np.sum(np.square(projected).sum(axis=1) / values))
    return weights, explained, int(kept.sum())
