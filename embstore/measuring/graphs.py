"""A layer's nearest neighbours in every scope, from one search among all of its sample."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embstore.choices import Scope
from embstore.geometry.neighbors.search import (
    Neighbors,
    count_within,
    nearest_neighbors,
    restrict,
)
from embstore.geometry.neighbors.ties import error_of_ties, join_ties
from embstore.metrics.clusters import Clusters
from embstore.metrics.neighbor_ratios import NEIGHBORS
from embstore.metrics.of_one_layer.corrint import corrint_radii
from embstore.metrics.of_two_layers.neighbor_overlap import OVERLAP_NEIGHBORS, overlap
from embstore.metrics.one_layer import NO_GRAPH, Graph
from embstore.metrics.registry import N_NEIGHBORS
from embstore.metrics.two_layers import Overlap

if TYPE_CHECKING:
    from embstore.measuring.collect import PairRecord

# Of a radius: a pair that is as far but for rounding counts.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest neighbours of the sample's distinct points in one scope.

    Attributes:
        rows: the sample's row of each distinct point, ascending, (n_distinct,).
        neighbors: the rows of its nearest others, (n_distinct, <= 30).
    """

    rows: NDArray[np.int64]
    neighbors: NDArray[np.int32]


def graph_of(neighbors: Neighbors, windows: NDArray[np.int64], k: int = N_NEIGHBORS) -> Graph:
    """Return the graph of all rows of a search, whose windows are ascending, (n,)."""
    keep = np.ones(len(neighbors.group), dtype=bool)
    graphs, _ = graphs_of(neighbors, {"all": keep}, windows, k=k)
    return graphs["all"]


def graphs_of(
    found: Neighbors,
    keeps: dict[Scope, NDArray[np.bool_]],
    windows: NDArray[np.int64],
    *,
    k: int = N_NEIGHBORS,
    pair_counts: bool = True,
) -> tuple[dict[Scope, Graph], dict[Scope, Nearest]]:
    """Restrict one search to every scope, and count pairs for all scopes in one pass.

    Args:
        found: the neighbours among all of the sample.
        keeps: which of the sample each scope has, (n_sample,).
        windows: of the sample, ascending, (n_sample,).
        k: neighbours wanted.
        pair_counts: whether pairs within the radii of ``corrint`` are counted.

    Returns:
        By scope the graph, and what comparing it with another layer's takes.
    """
    restricted = {scope: restrict(found, keep, k) for scope, keep in keeps.items()}
    joined = [join_ties(one.points, one.distances) for one in restricted.values()]
    errors = [
        error_of_ties(one.points, near[:, :NEIGHBORS])
        for one, near in zip(restricted.values(), joined, strict=True)
    ]
    radii = np.full((len(keeps), 4), np.nan)
    if pair_counts:
        radii = np.array([corrint_radii(*one) for one in zip(joined, errors, strict=True)])
    member = np.zeros((len(keeps), len(found.points)), dtype=bool)
    for row, keep in zip(member, keeps.values(), strict=True):
        row[found.group[keep]] = True
    # A median may be one of the distances: rounding must not decide whether that one counts.
    reach = radii * (1 + _ROUNDING) + np.array(errors)[:, np.newaxis]
    within = count_within(found, reach, member)
    graphs: dict[Scope, Graph] = {}
    nearest: dict[Scope, Nearest] = {}
    for i, (scope, neighbors) in enumerate(restricted.items()):
        first = neighbors.first
        rows = np.flatnonzero(keeps[scope])[first]
        counted = within[i][member[i]] / max(len(rows) - 1, 1)
        distances, indices = joined[i], neighbors.indices
        # Points stand in the order of their first token in any scope, which may not be kept.
        if (np.diff(rows) < 0).any():
            order = np.argsort(rows)
            place = np.argsort(order).astype(np.int32)
            rows, distances, indices = rows[order], distances[order], place[indices[order]]
            first, counted = first[order], counted[order]
        clusters = Clusters.of(windows[rows])
        graphs[scope] = Graph(distances, indices, clusters, radii[i], counted, first)
        nearest[scope] = Nearest(rows, rows.astype(np.int32)[indices[:, :OVERLAP_NEIGHBORS]])
    return graphs, nearest


def overlap_of(
    windows: NDArray[np.int64],
    record: "PairRecord",
    x: Nearest | None,
    y: Nearest | None,
    device: str = "cpu",
) -> Overlap:
    """Compare neighbours among the tokens that are distinct points in both layers.

    Args:
        windows: of the sample, (n_sample,).
        record: both layers' samples: those that share no search are searched anew.
        x: the first layer's neighbours; None if none were searched for.
        y: the next layer's.
        device: where a search is.
    """
    if x is None or y is None:
        return Overlap(np.zeros(0), NO_GRAPH.clusters, np.zeros(0))
    k = OVERLAP_NEIGHBORS
    rows = x.rows if np.array_equal(x.rows, y.rows) else np.intersect1d(x.rows, y.rows)
    clusters = Clusters.of(windows[rows])
    if len(rows) <= k:
        return Overlap(np.zeros(0), clusters, np.zeros(0))
    if len(rows) == len(x.rows) == len(y.rows):
        places = np.zeros(rows[-1] + 1, dtype=np.int32)
        places[rows] = np.arange(len(rows))
        return overlap(places[x.neighbors], places[y.neighbors], clusters)
    listed = [
        nearest_neighbors(layer.sample[rows], k, device=device).indices[:, :k]
        for layer in (record.x, record.y)
    ]
    return overlap(listed[0], listed[1], clusters)
