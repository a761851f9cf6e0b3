"""Exact nearest neighbours of a token sample; duplicates merged before the search."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embstore.kernels import exact_distances, keep_smallest, squared_distances
from embstore.types import FloatArray

_BLOCK_ROWS = 512
# Candidates beyond k: float32 rounding swaps near-ties, and a restricted scope
# loses some neighbours; a few spare ones repair both without a new search.
_SPARE = 12


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest other points of each distinct point.

    Attributes:
        distances: Euclidean, ascending along each row, (n_distinct, m) float64.
        indices: rows of the distinct points they belong to, (n_distinct, m).
        points: the distinct points, in the order of their first occurrence, (n_distinct, d).
        group: distinct point of every given row, (n,).
        radius: distance up to which each row is proven to miss no point, (n_distinct,).
    """

    distances: FloatArray
    indices: NDArray[np.int32]
    points: NDArray[np.floating]
    group: NDArray[np.int64]
    radius: FloatArray

    @property
    def n_duplicates(self) -> int:
        """Rows that repeat an earlier row exactly."""
        return len(self.group) - len(self.points)


def merge_duplicates(
    X: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the distinct rows of ``X``, (n, d).

    Returns:
        The first occurrence of each distinct row, ascending, (n_distinct,), and for
        every row the position of its distinct row among those, (n,).
    """
    # Adding 0.0 turns -0.0 into 0.0: equal numbers must have equal bytes.
    rows = np.ascontiguousarray(X + 0.0)
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order].astype(np.int64), rank[group].astype(np.int64)


def nearest_neighbors(X: NDArray[np.floating], k: int) -> Neighbors:
    """Find at least the ``k`` nearest other distinct rows of ``X``, exactly.

    Candidates come from blocked float32 products; their distances are computed
    again as float64 differences of the rows as given. A row keeps its candidates
    only if a rounding bound proves that none nearer was missed, and is searched by
    brute force otherwise: norms and products alone lose near-duplicates.

    Args:
        X: finite vectors, (n, d), float32 or float64.
        k: neighbours wanted; with n_distinct <= k all other points are returned.

    Returns:
        Neighbours with min(k + some spare, n_distinct - 1) columns.
    """
    first, group = merge_duplicates(X)
    points = X[first]
    n = len(points)
    m = min(k + _SPARE, n - 1)
    distances = np.empty((n, max(m, 0)))
    indices = np.zeros((n, max(m, 0)), dtype=np.int32)
    radius = np.full(n, np.inf)
    if m > 0:
        _search(points, min(k, m), distances, indices, radius)
    return Neighbors(distances, indices, points, group, radius)


def restrict(neighbors: Neighbors, keep: NDArray[np.bool_], k: int) -> Neighbors:
    """Return the exact neighbours among some of the rows, without a new search.

    Args:
        neighbors: the neighbours among all rows.
        keep: which of the rows first given stay, (n,).
        k: neighbours wanted.

    Returns:
        Neighbours with min(k, n_distinct - 1) columns. Rows that lost too many of
        theirs, or more than are proven complete, are searched again.
    """
    kept_groups, group = np.unique(neighbors.group[keep], return_inverse=True)
    n = len(kept_groups)
    m = max(min(k, n - 1), 0)
    position = np.full(len(neighbors.points), -1, dtype=np.int32)
    position[kept_groups] = np.arange(n, dtype=np.int32)
    points = neighbors.points[kept_groups]
    candidates = position[neighbors.indices[kept_groups]]
    alive = candidates >= 0
    # A stable sort moves the survivors to the front and keeps their order.
    order = np.argsort(~alive, axis=1, kind="stable")[:, :m]
    distances = np.take_along_axis(neighbors.distances[kept_groups], order, axis=1)
    indices = np.take_along_axis(candidates, order, axis=1)
    radius = neighbors.radius[kept_groups]
    if m > 0:
        missing = (alive.sum(axis=1) < m) | (distances[:, -1] > radius)
        for row in np.flatnonzero(missing).tolist():
            distances[row], indices[row] = _brute_force(points, row, m)
            radius[row] = distances[row, -1]
    return Neighbors(distances, indices, points, group.astype(np.int64), radius)


def _search(
    points: NDArray[np.floating],
    k: int,
    distances: FloatArray,
    indices: NDArray[np.int32],
    radius: FloatArray,
) -> None:
    """Fill ``distances`` and ``indices``, (n, m), and how far they are proven complete, (n,).

    At least the first ``k`` columns are.
    """
    n, d = points.shape
    m = distances.shape[1]
    centred = points.astype(np.float64)
    centred -= centred.mean(axis=0)
    # Scaled so that squares neither overflow nor vanish in float32.
    scale = float(np.abs(centred).max())
    centred /= scale
    squares = np.einsum("ij,ij->i", centred, centred)
    C = centred.astype(np.float32)
    squares32 = squares.astype(np.float32)
    values = np.full((n, m), np.inf, dtype=np.float32)
    roots = np.full(n, np.inf, dtype=np.float32)
    buffer = np.empty((_BLOCK_ROWS, n), dtype=np.float32)
    for start in range(0, n, _BLOCK_ROWS):
        rows = C[start : start + _BLOCK_ROWS]
        products = buffer.ravel()[: len(rows) * (n - start)].reshape(len(rows), n - start)
        np.dot(rows, C[start:].T, out=products)
        keep_smallest(products, squares32, start, values, indices, roots)
    exact_distances(points, indices, distances)
    if m == n - 1:
        return
    # A point outside the candidates has a float32 value of at least t, so by the error
    # bound of a d-term dot product its true squared distance is at least
    # t - (d + 8) * 2^-24 * (|x| + |y|)^2, and |y| <= |x| + its distance.
    t = np.maximum(roots + squares, 0.0)
    reach = 2.0 * np.sqrt(squares) + np.sqrt(t)
    proven = t - (d + 8) * 2.0**-24 * reach**2
    radius[:] = np.sqrt(np.maximum(proven, 0.0)) * scale
    for row in np.flatnonzero(distances[:, k - 1] > radius).tolist():
        distances[row], indices[row] = _brute_force(points, row, m)
        radius[row] = distances[row, -1]


def _brute_force(
    points: NDArray[np.floating], row: int, m: int
) -> tuple[FloatArray, NDArray[np.int64]]:
    """The ``m`` nearest other points of one row from float64 differences to all of them."""
    squared = np.empty(len(points))
    squared_distances(points, row, squared)
    squared[row] = np.inf
    nearest = np.argpartition(squared, m - 1)[:m]
    nearest = nearest[np.argsort(squared[nearest], kind="stable")]
    return np.sqrt(squared[nearest]), nearest
