"""Neighbour overlap: whether tokens keep their neighbours from layer to layer."""

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.row_loops import add_shared, count_common
from embstore.metrics.clusters import Clusters, Totals
from embstore.metrics.families.next_layer import of_next_layer
from embstore.metrics.metric import Description
from embstore.metrics.two_layers import Overlap, Pair
from embstore.types import FloatArray

OVERLAP_NEIGHBORS = 30

# More than of one layer's neighbours counts (``clusters.AS_NEIGHBOR``), as fewer are mutual
# in both layers: all of it, as where none is.
_AS_NEIGHBOR = 1.0


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


def overlap(
    neighbors_x: NDArray[np.int32], neighbors_y: NDArray[np.int32], clusters: Clusters
) -> Overlap:
    """Compare two layers' neighbours of the same points.

    Args:
        neighbors_x: indices of each point's k nearest others in one layer, (n, k).
        neighbors_y: in the other.
        clusters: the points' windows.
    """
    shares = neighbor_overlap(neighbors_x, neighbors_y)
    as_neighbor = np.zeros(len(shares))
    add_shared(neighbors_x, neighbors_y, shares, as_neighbor)
    return Overlap(shares, clusters, _AS_NEIGHBOR / neighbors_x.shape[1] * as_neighbor)


def mean_overlap(pair: Pair) -> float:
    """Return the mean share over points; NaN for none."""
    return float(pair.overlap.shares.mean()) if len(pair.overlap.shares) else float("nan")


def totals(pair: Pair, _value: float) -> Totals | None:
    """A mean: each point moves it by its own share, and as the neighbour of others."""
    found = pair.overlap
    return found.clusters.totals(found.clusters.sums(found.shares + found.as_neighbor))


def _why_undefined(_pair: Pair, n: int) -> str:
    return f"{n} points distinct in both layers, at least {OVERLAP_NEIGHBORS + 1} needed"


METRICS = [
    of_next_layer(
        Description(
            name="neighbor_overlap_next",
            title="Neighbour overlap with the next layer",
            symbol="χ",
            formula="mean share of common nearest neighbours, k = 30",
            bounds=("0", "1"),
            citation="Valeriani et al. 2023, arXiv 2302.00294",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            How many of a token's 30 nearest neighbours stay from layer to layer, among points that
            are distinct in both.
            """,
        ),
        mean_overlap,
        totals,
        transform="logit",
        why=_why_undefined,
        count=lambda pair: len(pair.overlap.clusters.cells),
        needs=frozenset({"neighbors"}),
    )
]
