"""Metrics of direction: do token vectors point the same way?

They look at the unit vectors u = x/‖x‖, through the sum of these over all tokens.
"""

from collections.abc import Callable

from embstore.metrics.metric import Description, Family, Metric
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Interval, Transform, clustered, describe
from embstore.types import FloatArray

FAMILY = Family(
    name="directional",
    title="Directions",
    text="""
    Cosines between the vectors as they are, not centred. u = x/‖x‖; zero vectors are left out and
    counted in `layer.n_zero`.
    """,
)


def directional(
    description: Description,
    compute: Callable[[Cloud], float],
    influence: Callable[[Cloud, float], FloatArray],
    *,
    transform: Transform,
) -> Metric[Cloud]:
    """A metric of directions, behind which are the vectors that have one.

    Args:
        description: what it means.
        compute: its value.
        influence: how much each unit of the cloud moves that value, as a mean over the vectors
            with a direction, (n_units,); of one without, what all have on average.
        transform: where its interval is symmetric.
    """

    def interval(cloud: Cloud, number: float) -> Interval | None:
        # Errors are those of a mean over all vectors.
        moved = influence(cloud, number) * (cloud.n / cloud.n_unit)
        return clustered(number, moved, cloud.unit_clusters, transform=transform)

    return Metric(
        description,
        FAMILY,
        describe(transform),
        compute=compute,
        count=_n_directions,
        interval=interval,
        why=_why_undefined,
    )


def directional_of_sample(
    description: Description,
    compute: Callable[[Cloud], float],
    influence: Callable[[Cloud, float], FloatArray],
    *,
    transform: Transform,
    why: Callable[[Cloud], str],
) -> Metric[Cloud]:
    """A metric of all pairs of directions in the kept sample.

    Args:
        description: what it means.
        compute: its value.
        influence: how much each vector of the sample moves that value, (n_sample,).
        transform: where its interval is symmetric.
        why: the reason for an undefined value of at least two vectors.
    """

    def interval(cloud: Cloud, number: float) -> Interval | None:
        return clustered(number, influence(cloud, number), cloud.clusters, transform=transform)

    return Metric(
        description,
        FAMILY,
        describe(transform),
        compute=compute,
        count=lambda cloud: int((cloud.sample_norms > 0).sum()),
        interval=interval,
        why=lambda cloud, n: _why_undefined(cloud, n) if n < 2 else why(cloud),
        needs=frozenset({"own pass"}),
    )


def coordinate(description: Description, compute: Callable[[Cloud], float]) -> Metric[Cloud]:
    """The index of a coordinate, which has no error."""
    return Metric(
        description,
        FAMILY,
        "none",
        compute=compute,
        count=_n_directions,
        interval=lambda _cloud, _number: None,
        why=_why_undefined,
    )


def _n_directions(cloud: Cloud) -> int:
    return cloud.n_unit


def _why_undefined(_cloud: Cloud, n: int) -> str:
    return f"{n} vectors with a direction" if n < 2 else "the mean cosine is zero"
