"""Intrinsic dimension from distances to nearest neighbours.

Every function takes ``distances``, (n, k): to the k nearest other distinct points,
ascending along each row, duplicates merged before the search. All estimates here
fall short above a dimension of about 20 at usual sample sizes: for n = 4,000 a true
50 reads 33 and a true 100 reads 51.
"""

import numpy as np

from embstore.types import FloatArray

MLE_NEIGHBORS = 20


def twonn(distances: FloatArray, *, discard: float = 0.1) -> float:
    """Estimate the intrinsic dimension from the two nearest neighbours (TwoNN).

    The slope through the origin of -ln(1 - F) on ln(r₂/r₁), F the empirical
    distribution i/n of the ratio, the largest ratios discarded.

    Args:
        distances: to at least two neighbours, (n, >= 2).
        discard: share of the largest ratios left out of the fit, in (0, 1).

    Returns:
        A positive number, or NaN for fewer than three points or when all ratios are 1.

    Facco et al. 2017, doi 10.1038/s41598-017-11873-y.
    """
    n, k = distances.shape
    if k < 2 or n < 3:
        return float("nan")
    ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    kept = min(int(n * (1.0 - discard)), n - 1)
    x = ratios[:kept]
    y = -np.log1p(-np.arange(1, kept + 1) / n)
    norm = float(x @ x)
    return float(x @ y) / norm if norm > 0 else float("nan")


def local_dimensions(distances: FloatArray, *, k: int = MLE_NEIGHBORS) -> FloatArray:
    """Estimate the intrinsic dimension around each point.

    [1/(k - 1) · Σ_{j<k} ln(r_k / r_j)]⁻¹.

    Args:
        distances: to at least k neighbours, (n, >= k).
        k: neighbours used.

    Returns:
        One estimate per point, (n,); infinite where all k neighbours are equally
        far, and an empty array when there are fewer than k neighbours.

    Levina & Bickel 2004, Advances in Neural Information Processing Systems 17.
    """
    if distances.shape[1] < k:
        return np.empty(0)
    logs = np.log(distances[:, k - 1 : k] / distances[:, : k - 1])
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / logs.mean(axis=1), dtype=np.float64)


def mle(local: FloatArray) -> float:
    """Summarise local estimates by their harmonic mean: one maximum-likelihood dimension.

    The harmonic mean averages the inverse estimates, which are unbiased where the
    estimates themselves are not. NaN without local estimates.

    Args:
        local: estimates around each point, (n,), as from ``local_dimensions``.

    Levina & Bickel 2004; aggregation: MacKay & Ghahramani 2005.

    >>> mle(np.array([2.0, 2.0]))
    2.0
    """
    inverse = float(np.mean(1.0 / local)) if len(local) else 0.0
    return 1.0 / inverse if inverse > 0 else float("nan")


def lid_quantile(local: FloatArray, q: float) -> float:
    """Return a quantile over tokens of the local intrinsic dimension.

    NaN without local estimates, or where the quantile is infinite.

    >>> lid_quantile(np.array([1.0, 2.0, 3.0]), 0.5)
    2.0
    """
    if not len(local):
        return float("nan")
    # Sorting first lets interpolation meet an infinite value only if it is needed.
    with np.errstate(invalid="ignore"):
        value = float(np.quantile(local, q))
    return value if np.isfinite(value) else float("nan")
