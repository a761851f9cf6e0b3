"""Minimum spanning trees: how long the shortest network is that joins all points of a set."""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import compiled
from embstore.geometry.neighbors.loops import all_distances
from embstore.types import FloatArray


def pair_distances(points: NDArray[np.floating]) -> FloatArray:
    """Return the distances of all pairs, from float64 differences, (n, n)."""
    points = np.ascontiguousarray(points)
    n = len(points)
    found = np.zeros((n, n))
    for i in range(n):
        all_distances(points[i:], 0, found[i, i:])
        found[i:, i] = found[i, i:]
    return found


@compiled()
def tree_length(distances: NDArray[np.float64], members: NDArray[np.int64]) -> float:
    """Return the length of the minimum spanning tree of some points (Prim's algorithm).

    Args:
        distances: of all pairs of points, (n, n).
        members: which points the tree joins, at least one, (m,).

    Prim 1957, doi 10.1002/j.1538-7305.1957.tb01515.x.
    """
    m = len(members)
    # Those not yet joined stand from ``joined`` on, each with its distance from the tree.
    waiting = members.copy()
    reach = np.full(m, np.inf)
    total = 0.0
    last = waiting[0]
    for joined in range(1, m):
        best = joined
        for place in range(joined, m):
            distance = distances[last, waiting[place]]
            if distance < reach[place]:
                reach[place] = distance
            if reach[place] < reach[best]:
                best = place
        total += reach[best]
        last = waiting[best]
        waiting[best] = waiting[joined]
        reach[best] = reach[joined]
    return total
