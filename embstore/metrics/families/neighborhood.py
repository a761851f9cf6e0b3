"""Metrics of neighbourhoods: who is in whose, and how they lie, not how fast they widen.

``cloud.graph.indices`` are (n, k): the nearest other distinct points of each.
"""

from collections.abc import Callable

from embstore.metrics.metric import Description, Family, Metric, Need
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Interval, clustered, describe
from embstore.types import FloatArray

FAMILY = Family(
    name="neighborhood",
    title="Neighbourhoods",
    text="""
    Which tokens of the sample are among the nearest neighbours of which, and how the neighbours lie
    around a token, whatever their distances. Exact duplicates are merged before the search, so n is
    the number of distinct points. A larger sample has narrower neighbourhoods: compare runs of
    equal n.
    """,
)


_NEEDS: frozenset[Need] = frozenset({"neighbors"})
OWN_PASS: frozenset[Need] = frozenset({"neighbors", "own pass"})


def of_neighborhoods(
    description: Description,
    compute: Callable[[Cloud], float],
    influence: Callable[[Cloud, float], FloatArray] | None,
    *,
    least: int,
    why: str = "",
    needs: frozenset[Need] = _NEEDS,
) -> Metric[Cloud]:
    """A metric of all neighbourhoods in the sample.

    Args:
        description: what it means.
        compute: its value, where each point has neighbours enough.
        influence: how much each distinct point moves that value, (n,); None for no interval.
        least: the neighbours that each point needs.
        why: the reason for an undefined value where there are enough.
        needs: what it takes.
    """

    def enough(cloud: Cloud) -> bool:
        return bool(cloud.graph.indices.shape[1] >= least)

    def number(cloud: Cloud) -> float:
        return compute(cloud) if enough(cloud) else float("nan")

    def interval(cloud: Cloud, value: float) -> Interval | None:
        if influence is None:
            return None
        moved = influence(cloud, value)
        return clustered(value, moved, cloud.graph.clusters, transform="log")

    def why_undefined(cloud: Cloud, n: int) -> str:
        if enough(cloud):
            return why
        return f"{n} distinct points in the sample, at least {least + 1} needed"

    return Metric(
        description,
        FAMILY,
        describe("log") if influence else "none",
        compute=number,
        count=lambda cloud: len(cloud.graph.distances),
        interval=interval,
        why=why_undefined,
        needs=needs,
    )
