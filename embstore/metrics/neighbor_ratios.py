"""What estimates of dimension start from: how the distances to a point's neighbours grow.

``distances`` are (n, k): to the k nearest other distinct points, ascending along each
row, duplicates merged before the search.
"""

import numpy as np

from embstore.types import FloatArray

# How many neighbours the estimates look at that use more than two.
NEIGHBORS = 20


def log_ratios(distances: FloatArray, *, rank: int = 1) -> FloatArray:
    """ln(r_{2·rank}/r_rank) of every point, (n,)."""
    return np.log(distances[:, 2 * rank - 1] / distances[:, rank - 1])


def local_dimensions(distances: FloatArray, *, k: int = NEIGHBORS) -> FloatArray:
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


def finite(value: float) -> float:
    """Return a number, NaN for one that is infinite."""
    return value if np.isfinite(value) else float("nan")
