"""Approximate nearest neighbours of large samples, from pynndescent."""

import threading
import warnings

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.neighbors.candidates import centred
from embstore.geometry.neighbors.loops import all_distances
from embstore.types import FloatArray

# More neighbours than wanted lead the search to those wanted: with 64 and these, recall was
# .997 on hidden states and .99 on isotropic 64-dimensional noise (25,000 points).
_FURTHER = 14
_LEAST_NEIGHBORS = 64

# Points whose neighbours are compared with those of a full search.
_RECALL_POINTS = 256

# Its loops run on all cores by themselves, and numba ends the process if two threads
# start such loops at once on a machine without a library that allows it.
_one_at_a_time = threading.Lock()


def approximate_candidates(points: NDArray[np.floating], m: int, *, seed: int) -> NDArray[np.int32]:
    """Find ``m`` points that are probably the nearest of each of n > m distinct points, (n, d).

    Returns:
        Their indices, the point itself not among them, (n, m).
    """
    # Imported late: numba compiles it for half a minute, in every process.
    from pynndescent import NNDescent

    n = len(points)
    wanted = min(max(m + _FURTHER, _LEAST_NEIGHBORS), n)
    vectors = centred(points, np.arange(n)).vectors
    with _one_at_a_time, warnings.catch_warnings():
        # Points with too few neighbours are searched in full below.
        warnings.filterwarnings("ignore", "Failed to correctly find n_neighbors")
        index = NNDescent(
            vectors, n_neighbors=wanted, max_candidates=wanted, random_state=seed, n_jobs=-1
        )
        found, _ = index.neighbor_graph
    # A point is in its own list unless float32 cannot tell it from its neighbours.
    others = (found >= 0) & (found != np.arange(n)[:, None])
    order = np.argsort(~others, axis=1, kind="stable")[:, :m]
    nearest = np.take_along_axis(found, order, axis=1).astype(np.int32)
    for row in np.flatnonzero(others.sum(axis=1) < m).tolist():
        nearest[row] = np.argpartition(_true_distances(points, row), m - 1)[:m]
    return nearest


def _true_distances(points: NDArray[np.floating], row: int) -> FloatArray:
    """One point's distances to all points, infinite to itself, (n,)."""
    distances = np.empty(len(points))
    all_distances(points, row, distances)
    distances[row] = np.inf
    return distances


def measured_recall(points: NDArray[np.floating], distances: FloatArray, *, seed: int) -> float:
    """Measure the share of true nearest neighbours found, on some of the points.

    Args:
        points: distinct points, (n, d).
        distances: to the k neighbours found for each, (n, k).
        seed: chooses the points that are searched in full.

    Returns:
        How many of the k found are no farther than the k-th true one, of all k; ties
        count as found. 1 is complete.
    """
    n, k = distances.shape
    rows = np.random.default_rng(seed).choice(n, min(_RECALL_POINTS, n), replace=False)
    hits = 0
    for row in rows.tolist():
        farthest = np.partition(_true_distances(points, row), k - 1)[k - 1]
        hits += int((distances[row] <= farthest).sum())
    return float(hits / (len(rows) * k))
