"""What the shape of each point's neighbourhood tells, worked out a few points at a time."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray

# Neighbours of each point that are looked at where 20 are too few: all that a search gives.
WIDE = 64


def shapes(
    cloud: Cloud,
    k: int,
    look: Callable[[FloatArray, slice], Sequence[FloatArray]],
    *,
    seen_from: Literal["point", "nearest"],
) -> tuple[FloatArray, ...]:
    """Look at the k nearest neighbours of each distinct point of a sample.

    Args:
        cloud: with at least k neighbours of each point.
        k: how many.
        look: what to take from the inner products of the neighbours of some points, (b, k, k),
            and from which points these are: arrays with a row for each.
        seen_from: the point, or the nearest of its neighbours, from where also those of a point
            far from all others can be told apart.
    """
    graph = cloud.graph
    neighbors = graph.rows[graph.indices[:, :k]]
    origins = graph.rows if seen_from == "point" else neighbors[:, 0]
    seen = cloud.of_sample(lambda kept, X: kept.inner_products(X, origins, neighbors))
    found = [look(products, part) for part, products in seen]
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))
