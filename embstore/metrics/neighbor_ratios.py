"""What estimates of dimension start from: how the distances to a point's neighbours grow.

``distances`` are (n, k): to the k nearest other distinct points, ascending along each
row, duplicates merged before the search, ties up to rounding made equal.

A point whose neighbours are equally far says nothing of a dimension: under none would that
happen. A few such points hardly move an estimate; where they are more than a tenth of those it
rests on, they would decide it, and it is undefined.
"""

import numpy as np
from numpy.typing import NDArray

from embstore.types import FloatArray

# How many neighbours the estimates look at that use more than two.
NEIGHBORS = 20

# Share of the points beyond which those with equally far neighbours decide an estimate: as
# large as the share of extreme ratios that TwoNN leaves out on the other side.
_MOST_TIED = 0.1


def log_ratio(far: FloatArray, near: FloatArray) -> FloatArray:
    """ln(far/near) of positive distances, also where the ratio leaves float64's range."""
    with np.errstate(over="ignore"):
        logs = np.log(far / near)
    if np.isinf(logs).any():
        logs = np.where(np.isinf(logs), np.log(far) - np.log(near), logs)
    return np.asarray(logs, dtype=np.float64)


def log_ratios(distances: FloatArray, *, rank: int = 1) -> FloatArray:
    """ln(r_{2·rank}/r_rank) of every point, (n,)."""
    return log_ratio(distances[:, 2 * rank - 1], distances[:, rank - 1])


def too_many(tied: NDArray[np.bool_]) -> bool:
    """Tell whether points with equally far neighbours would decide an estimate, (n,)."""
    return bool(tied.sum() > _MOST_TIED * len(tied))


def mean_of_untied(local: FloatArray) -> float:
    """Return the mean of estimates around points, infinite where neighbours are equally far.

    NaN where those are too many, or where there are no estimates.
    """
    tied = np.isinf(local)
    if not len(local) or too_many(tied):
        return float("nan")
    return float(local[~tied].mean())


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
    logs = log_ratio(distances[:, k - 1 : k], distances[:, : k - 1])
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / logs.mean(axis=1), dtype=np.float64)


def inverse_effects(distances: FloatArray, k: int = NEIGHBORS) -> FloatArray:
    """How much each neighbour moves the inverse dimension around a point, (n, k − 1).

    That is the mean of ln(r_k/r_j) over j < k: each adds its own.
    """
    logs = log_ratio(distances[:, k - 1 : k], distances[:, : k - 1])
    return np.asarray((logs - logs.mean(axis=1, keepdims=True)) / (k - 1))
