"""Vectors that are equal but for rounding: told by the distances to their neighbours.

Texts that begin alike have equal vectors there. Computed in batches of different shapes, they
differ in the last digits on some processors, and a distance that is only rounding would tell
of a dimension where there is a single point.
"""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import compiled
from embstore.geometry.neighbors.ties import rounding_of
from embstore.geometry.row_loops import lengths
from embstore.types import FloatArray


def same_but_for_rounding(
    points: NDArray[np.floating], distances: FloatArray, indices: NDArray[np.int32]
) -> NDArray[np.int64] | None:
    """Tell which points stand for which, so that neighbours are farther apart than rounding.

    A point is taken for an earlier one that stands for itself, never for one that is
    taken for another: a row of points, each near the next, is thinned and not made one.
    Points that are not on each other's lists stay two, however near they are.

    Args:
        points: (n, d).
        distances: from each to some of the others, ascending along each row, (n, m).
        indices: which these are, (n, m).

    Returns:
        The point that stands for each, (n,); None if each stands for itself.
    """
    rounding = rounding_of(points)
    sizes = lengths(points)
    if not (distances[:, :1] <= rounding * (2 * sizes[:, np.newaxis] + distances[:, :1])).any():
        return None
    leaders = leaders_within(distances, indices, sizes, rounding)
    return leaders if (leaders != np.arange(len(points))).any() else None


def leaders_within(
    distances: FloatArray, indices: NDArray[np.integer], sizes: FloatArray, rounding: float
) -> NDArray[np.int64]:
    """Do the same for points of which the lengths are known, (n,), and their rounding."""
    leaders = np.arange(len(distances))
    _lead(distances, indices, sizes, rounding, leaders)
    return leaders


@compiled()
def _lead(
    distances: NDArray[np.float64],
    indices: NDArray[np.integer],
    sizes: NDArray[np.float64],
    rounding: float,
    leaders: NDArray[np.int64],
) -> None:
    n, m = distances.shape
    for i in range(n):
        for j in range(m):
            distance = distances[i, j]
            # The other vector is no longer than this one and the distance together.
            if distance > rounding * (2.0 * sizes[i] + distance):
                break
            other = indices[i, j]
            if other < leaders[i] and leaders[other] == other:
                leaders[i] = other
