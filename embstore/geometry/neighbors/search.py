"""Nearest neighbours of a token sample, exact or approximate; duplicates merged before."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from embstore.common.float64 import stays_on_host
from embstore.geometry.neighbors.approximate import approximate_candidates, measured_recall
from embstore.geometry.neighbors.candidates import candidates, candidates_about
from embstore.geometry.neighbors.duplicates import merge_duplicates
from embstore.geometry.neighbors.loops import all_distances, exact_distances, keep_some
from embstore.geometry.neighbors.on_accelerator import (
    candidates_torch,
    count_products_torch,
    exact_distances_torch,
)
from embstore.geometry.neighbors.pair_counts import count_listed, count_products
from embstore.geometry.neighbors.rounded import same_but_for_rounding
from embstore.types import FloatArray, SearchMethod

# The time of an exact search grows with the square of the number of points, that of
# pynndescent little faster than the number itself. Here exact is still the faster one: 38 s
# against 70 s on one core, at 576 dimensions.
EXACT_LIMIT = 100_000

# More candidates than the k wanted. float32 rounding swaps neighbours at nearly equal distance,
# and a scope with fewer tokens loses some: the spare ones replace them without a new search.
_SPARE = 12

# So many points are searched by brute force in the time that preparing all for products takes; and
# a product of one point with all takes this share of the time of its brute force.
_FEW, _SHARE = 4, 1 / 32


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest other points of each distinct point.

    Attributes:
        distances: Euclidean, ascending along each row, (n_distinct, m) float64.
        indices: rows of the distinct points they belong to, (n_distinct, m).
        points: the distinct points, in the order of their first occurrence, (n_distinct, d).
        group: distinct point of every given row, (n,).
        first: the first given row of each distinct point, (n_distinct,).
        radius: distance up to which each row is proven to miss no point, (n_distinct,);
            taken to be that of the last neighbour after an approximate search.
        method: how the neighbours were found.
        recall: share of the k true neighbours that were found: 1 for an exact search,
            else measured on some of the points.
        device: where products of the points are computed.
    """

    distances: FloatArray
    indices: NDArray[np.int32]
    points: NDArray[np.floating]
    group: NDArray[np.int64]
    first: NDArray[np.int64]
    radius: FloatArray
    method: SearchMethod
    recall: float
    device: str = "cpu"

    @property
    def n_duplicates(self) -> int:
        """Rows that repeat an earlier row, exactly or but for rounding."""
        return len(self.group) - len(self.points)


def nearest_neighbors(
    X: NDArray[np.floating],
    k: int,
    *,
    method: Literal["auto", "exact", "pynndescent"] = "auto",
    device: str = "cpu",
    seed: int = 0,
) -> Neighbors:
    """Find at least the ``k`` nearest other distinct rows of ``X``.

    Rows that are equal, or equal but for rounding, are merged before.

    Exactly: candidates come from blocked float32 products; their distances are computed
    again as float64 differences of the rows as given. A row keeps its candidates only if
    a rounding bound proves that none nearer was missed, and is searched by brute force
    otherwise: norms and products alone lose near-duplicates.

    Approximately: candidates come from pynndescent, their distances are computed again
    likewise, and the share of true neighbours among them is measured.

    Args:
        X: finite vectors, (n, d), float32 or float64.
        k: neighbours wanted; with n_distinct <= k all other points are returned.
        method: ``auto`` is exact up to 100,000 distinct points, and on an accelerator,
            where products are cheap, for any number.
        device: where products and distances are computed: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        seed: of the shuffles of either search; no exact neighbour depends on it.

    Returns:
        Neighbours with min(k + some spare, n_distinct - 1) columns.
    """
    first, group = merge_duplicates(X)
    points = X if len(first) == len(X) else X[first]
    while True:
        found = _search(points, k, method=method, device=device, seed=seed)
        leaders = same_but_for_rounding(points, found.distances, found.indices)
        if leaders is None:
            return replace(found, group=group, first=first)
        kept, place = np.unique(leaders, return_inverse=True)
        points, first, group = points[kept], first[kept], place[group].astype(np.int64)


def _search(
    points: NDArray[np.floating],
    k: int,
    *,
    method: Literal["auto", "exact", "pynndescent"],
    device: str,
    seed: int,
) -> Neighbors:
    """Find neighbours as ``nearest_neighbors`` does, of distinct points."""
    n = len(points)
    m = max(min(k + _SPARE, n - 1), 0)
    used = _choose(method, n, m, device)
    each, distances = np.arange(n), np.empty((n, m))
    recall = 1.0
    if m == 0:
        indices = np.empty((n, m), dtype=np.int32)
        radius = np.full(n, np.inf)
    elif used == "pynndescent":
        indices = approximate_candidates(points, m, seed=seed)
        exact_distances(points, each, indices, distances)
        radius = distances[:, -1].copy()
        recall = measured_recall(points, distances[:, : min(k, m)], seed=seed)
    else:
        if device == "cpu":
            found = candidates(points, m, seed=seed)
        else:
            found = candidates_torch(points, m, device)
        indices, radius = found.indices, found.radius
        if stays_on_host(device):
            exact_distances(points, each, indices, distances)
        else:
            exact_distances_torch(points, indices, distances, device)
        unproven = np.flatnonzero(distances[:, min(k, m) - 1] > radius)
        unproven = _rank_anew(points, unproven, k, (distances, indices, radius))
        for row in unproven.tolist():
            distances[row], indices[row] = _brute_force(points, row, m)
            radius[row] = distances[row, -1]
    return Neighbors(distances, indices, points, each, each, radius, used, recall, device)


def restrict(neighbors: Neighbors, keep: NDArray[np.bool_], k: int) -> Neighbors:
    """Return the neighbours among some of the rows, without a new search.

    They are exact if the given ones are.

    Args:
        neighbors: the neighbours among all rows.
        keep: which of the rows first given stay, (n,).
        k: neighbours wanted.

    Returns:
        Neighbours with min(k, n_distinct - 1) columns, of the points that stay, in the
        order in which they were given; ``group`` and ``first`` count the rows that stay.
        A row that lost too many neighbours, or whose list reaches farther than it is proven
        complete, is searched again.
    """
    kept_groups, first, group = np.unique(
        neighbors.group[keep], return_index=True, return_inverse=True
    )
    n = len(kept_groups)
    m = max(min(k, n - 1), 0)
    position = np.full(len(neighbors.points), -1, dtype=np.int32)
    position[kept_groups] = np.arange(n, dtype=np.int32)
    points = neighbors.points if n == len(neighbors.points) else neighbors.points[kept_groups]
    distances = np.empty((n, m))
    indices = np.empty((n, m), dtype=np.int32)
    radius = neighbors.radius[kept_groups]
    if m > 0:
        full = keep_some(
            neighbors.distances, neighbors.indices, kept_groups, position, distances, indices
        )
        for row in np.flatnonzero(~full | (distances[:, -1] > radius)).tolist():
            distances[row], indices[row] = _brute_force(points, row, m)
            radius[row] = distances[row, -1]
    return Neighbors(
        distances,
        indices,
        points,
        group.astype(np.int64),
        first.astype(np.int64),
        radius,
        neighbors.method,
        neighbors.recall,
        neighbors.device,
    )


def count_within(
    neighbors: Neighbors,
    radii: FloatArray,
    member: NDArray[np.bool_],
    rows: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Count the other points within some radii of each point, for several scopes at once.

    A pair with a point whose list is proven complete beyond the largest radius is found
    in that list. Only the pairs of the other points, in dense places, need products.
    The counts are exact where the neighbours are.

    Args:
        neighbors: of all distinct points.
        radii: those of each scope, (s, r); within NaN there is nothing.
        member: which of the distinct points belong to each scope, (s, n_distinct).
        rows: the points to count around, (n_rows,); all of them if None.

    Returns:
        Members of the scope, the point itself not among them, at a distance of at most
        the radius, (s, n_rows, r); 0 around a point that is no member.
    """
    n = len(neighbors.points)
    counts = np.zeros((len(radii), n, radii.shape[1]), dtype=np.int64)
    if counts.size and not np.isnan(radii).all():
        # ">", not ">=": a point that is not on the list may be exactly ``radius`` away.
        complete = neighbors.radius > np.nanmax(radii)
        count_listed(neighbors.distances, neighbors.indices, complete, radii, member, counts)
        dense = np.flatnonzero(~complete)
        wanted = np.arange(len(dense)) if rows is None else np.flatnonzero(np.isin(dense, rows))
        if len(wanted):
            among = neighbors.points[dense], wanted, radii, member[:, dense]
            counts[:, dense[wanted]] += (
                count_products(*among)
                if stays_on_host(neighbors.device)
                else count_products_torch(*among, neighbors.device)
            )
    return counts if rows is None else counts[:, rows]


def _choose(
    method: Literal["auto", "exact", "pynndescent"], n: int, m: int, device: str
) -> SearchMethod:
    # If all other points are wanted, there is nothing to search for.
    if method == "exact" or m == n - 1:
        return "exact"
    if method == "auto" and (n <= EXACT_LIMIT or device != "cpu"):
        return "exact"
    return "pynndescent"


def _rank_anew(
    points: NDArray[np.floating],
    rows: NDArray[np.int64],
    k: int,
    known: tuple[FloatArray, NDArray[np.int32], FloatArray],
) -> NDArray[np.int64]:
    """Prove the neighbours of points in dense places, seen from there, place after place.

    Places of a few points each are left: products of all for a few take longer than brute force.

    Args:
        points: (n, d).
        rows: points whose neighbours are not proven, (n_rows,).
        k: neighbours wanted.
        known: distances, (n, m), indices, (n, m), and radius, (n,), of all points; those of
            points that are proven now are overwritten.

    Returns:
        The points that are left.
    """
    distances, indices, radius = known
    m = distances.shape[1]
    while len(rows) >= _FEW:
        found = candidates_about(points, rows, m)
        near = np.empty(found.indices.shape)
        exact_distances(points, rows, found.indices, near)
        proven = near[:, min(k, m) - 1] <= found.radius
        done = rows[proven]
        distances[done], indices[done] = near[proven], found.indices[proven]
        radius[done] = found.radius[proven]
        if len(done) < max(_FEW, _SHARE * len(rows)):
            return rows[~proven]
        rows = rows[~proven]
    return rows


def _brute_force(
    points: NDArray[np.floating], row: int, m: int
) -> tuple[FloatArray, NDArray[np.int64]]:
    """The ``m`` nearest other points of one row from float64 differences to all of them."""
    distances = np.empty(len(points))
    all_distances(points, row, distances)
    distances[row] = np.inf
    nearest = np.argpartition(distances, m - 1)[:m]
    nearest = nearest[np.argsort(distances[nearest], kind="stable")]
    return distances[nearest], nearest
