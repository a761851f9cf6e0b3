"""Metrics of two layers at the same tokens: how one layer's vectors become the next's.

Formulas are written for a layer X and the next, Y, each row one token. Everything of
second order comes from sums over all tokens (covariances), never from an (n, d)
decomposition; only the errors look at the kept sample.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.moments import CrossMoments, Moments
from embstore.geometry.row_loops import count_common
from embstore.metrics.least_squares import Fit
from embstore.metrics.uncertainty import Clusters
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
