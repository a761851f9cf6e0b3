"""Intrinsic dimension from distances to nearest neighbours.

``cloud.graph.distances`` are (n, k): to the k nearest other distinct points, ascending along
each row, duplicates merged before the search.

A point moves an estimate in two ways: by what is around it, and as the neighbour of others.
Its effect on those is what it does to their local number beyond what the neighbour would do
that takes its place if it leaves, to first order and on average over a uniform
neighbourhood. For estimates that look at two neighbours the second way adds nothing (seen
in ``benchmarks/coverage.py``), and is left out.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from embstore.metrics import far_points
from embstore.metrics.clusters import AS_NEIGHBOR, Totals
from embstore.metrics.conventions import BY_HOW_MUCH, DIMENSION_CEILING
from embstore.metrics.metric import Description, Family, Metric, Need
from embstore.metrics.neighbor_ratios import NEIGHBORS
from embstore.metrics.one_layer import Cloud, Graph
from embstore.metrics.uncertainty import Interval, clustered, describe, quantile_interval
from embstore.types import FloatArray

FAMILY = Family(
    name="dimension",
    title="Intrinsic dimension",
    text=f"""
    How many coordinates the cloud locally needs. All look at distances to the nearest neighbours
    within the sample; r_k is the distance to the k-th. Exact duplicates are merged before the
    search, so n is the number of distinct points. They disagree by design: each looks at another
    scale, and each has another bias ([caveats](caveats.md#estimators-of-dimension-disagree)). All
    fall short above a dimension of about {DIMENSION_CEILING} at usual sample sizes:
    {BY_HOW_MUCH}. Rise and fall between runs of equal n mean more than the value.
    """,
)

# How the intervals of estimates are made that a few far points may move far.
UNLESS_FAR_POINTS_DECIDE = f"{describe('log')}; none where far points decide"

_NEEDS: frozenset[Need] = frozenset({"neighbors"})
OWN_PASS: frozenset[Need] = frozenset({"neighbors", "own pass"})

# Points this far to either side of a quantile count as near it: of fewer the sum is noise.
_AROUND = 0.25


def estimate(
    description: Description,
    compute: Callable[[Cloud], float],
    influence: Callable[[Cloud, float], FloatArray] | None,
    *,
    least: int = NEIGHBORS,
    needs: frozenset[Need] = _NEEDS,
    robust: bool = True,
    why: Callable[[Cloud, int], str] | None = None,
) -> Metric[Cloud]:
    """An estimate from all distinct points of the sample.

    Args:
        description: what it means.
        compute: its value.
        influence: how much each distinct point moves that value, (n,); None for no interval.
        least: the neighbours that each point needs.
        needs: what it takes.
        robust: whether no few points can move it far; else it has no interval where they do.
        why: the reason for an undefined value; None for neighbours that are too few or tied.
    """

    def interval(cloud: Cloud, number: float) -> Interval | None:
        if influence is None:
            return None
        moved = influence(cloud, number)
        if robust:
            return clustered(number, moved, cloud.graph.clusters, transform="log")
        return unless_far_points_decide(cloud.graph, moved, number)

    how = describe("log") if robust else UNLESS_FAR_POINTS_DECIDE
    return Metric(
        description,
        FAMILY,
        how if influence else "none",
        compute=compute,
        count=_n_points,
        interval=interval,
        why=why or partial(_why_undefined, least),
        needs=needs,
    )


def unless_far_points_decide(graph: Graph, influence: FloatArray, value: float) -> Interval | None:
    """Return an estimate's interval; None where a few far points move it by more than its error.

    Args:
        graph: what it is from.
        influence: how much each distinct point moves it, (n,).
        value: the estimate.
    """
    found = clustered(value, influence, graph.clusters, transform="log")
    if found and far_points.decide(graph.distances, influence, value, found.std_error):
        return None
    return found


def local_quantile(
    description: Description,
    quantile: Callable[[FloatArray, float], float],
    q: float,
    *,
    as_neighbor: float = AS_NEIGHBOR,
) -> Metric[Cloud]:
    """A quantile over the dimensions around each distinct point.

    Args:
        description: what it means.
        quantile: its value.
        q: which.
        as_neighbor: how much counts at least of what a point does to others as their neighbour.
    """

    def interval(cloud: Cloud, _number: float) -> Interval | None:
        around = _density_around(1.0 / cloud.local_dimensions, 1 - q)

        def share_below(limit: float) -> Totals | None:
            below = (cloud.local_dimensions <= limit).astype(np.float64)
            counted = max(as_neighbor / cloud.graph.as_neighbor, 1.0)
            effects = counted * around[:, np.newaxis] * cloud.graph.inverse_effects
            clusters = cloud.graph.clusters
            return clusters.totals(clusters.sums(below + cloud.graph.on_neighbors(effects)))

        found = quantile_interval(cloud.local_dimensions, q, share_below)
        # Which neighbourhoods stand at a quantile differs between runs: paired intervals of the
        # lowest held in 79 of 100 (benchmarks/paired.py).
        return found and replace(found, windows=None)

    return Metric(
        description,
        FAMILY,
        describe("quantile"),
        compute=lambda cloud: quantile(cloud.local_dimensions, q),
        count=_n_points,
        interval=interval,
        why=partial(_why_undefined, NEIGHBORS),
        needs=_NEEDS,
    )


def _density_around(values: FloatArray, q: float) -> FloatArray:
    """Weights whose product with small changes tells how many values cross a quantile, (n,)."""
    low, high = np.quantile(values, np.clip([q - _AROUND, q + _AROUND], 0.0, 1.0))
    near = (values >= low) & (values <= high)
    return near / (high - low) if high > low else np.zeros(len(values))


def _n_points(cloud: Cloud) -> int:
    return len(cloud.graph.distances)


def _why_undefined(least: int, cloud: Cloud, n: int) -> str:
    if cloud.graph.distances.shape[1] < least or n < 3:
        return f"{n} distinct points in the sample, at least {least + 1} needed"
    return "neighbours lie at equal distances"
