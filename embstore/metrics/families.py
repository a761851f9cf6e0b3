"""The kinds of single-layer metrics: what each looks at, and how its error is made."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from embstore.metrics import dimension
from embstore.metrics.metric import Metric
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import (
    Interval,
    Scale,
    clustered,
    clustered_sums,
    describe,
    quantile_interval,
)
from embstore.types import FloatArray, MetricInfo

Number = Callable[[Cloud], float]
Influence = Callable[[Cloud, float], FloatArray]


def info_of(
    name: str,
    *,
    title: str,
    symbol: str,
    formula: str,
    bounds: tuple[str, str],
    citation: str,
    unit: str = "1",
) -> MetricInfo:
    """Say what a metric means; ``bounds`` are written with n and d."""
    return MetricInfo(name, 1, title, symbol, formula, unit, bounds[0], bounds[1], citation)


def _why_no_spectrum(cloud: Cloud, n: int) -> str:
    if n < 2:
        return f"{n} tokens"
    if cloud.eigenvalues[0] == 0:
        return "all vectors are equal"
    if cloud.d == 1:
        return "needs more than one dimension"
    return "fewer than 10 directions with variance from the 11th on"


def spectral(
    info: MetricInfo,
    value: Callable[[FloatArray], float],
    gradient: Callable[[FloatArray], FloatArray],
    scale: Scale,
) -> Metric[Cloud]:
    """A function of the eigenvalues, whose error comes through its derivatives."""

    def interval(cloud: Cloud, number: float) -> Interval | None:
        sums = cloud.variance_sums @ gradient(cloud.eigenvalues)
        return clustered_sums(number, sums, cloud.clusters, scale=scale)

    return Metric(
        replace(info, uncertainty=describe(scale)),
        lambda c: value(c.eigenvalues),
        lambda c: c.n,
        interval,
        _why_no_spectrum,
    )


def directional(
    info: MetricInfo, compute: Number, influence_of: Influence | None, scale: Scale = "linear"
) -> Metric[Cloud]:
    """A metric of directions, behind which are the vectors that have one."""

    def interval(cloud: Cloud, number: float) -> Interval | None:
        if influence_of is None:
            return None
        return clustered(number, influence_of(cloud, number), cloud.clusters, scale=scale)

    def why(_cloud: Cloud, n: int) -> str:
        return f"{n} vectors with a direction" if n < 2 else "the mean cosine is zero"

    if influence_of is not None:
        info = replace(info, uncertainty=describe(scale))
    return Metric(info, compute, lambda c: c.n_unit, interval, why)


def length(info: MetricInfo, compute: Number, *, quantile: float | None = None) -> Metric[Cloud]:
    """A metric of lengths or coordinates; a quantile is one of the sample's norms."""

    def interval(cloud: Cloud, _number: float) -> Interval | None:
        if quantile is None:
            return None
        return quantile_interval(cloud.sample_norms, quantile, cloud.clusters)

    def why(_cloud: Cloud, n: int) -> str:
        return f"{n} tokens" if n < 1 else "more than half of all coordinates are zero"

    if quantile is None:
        return Metric(info, compute, lambda c: c.n, interval, why)
    info = replace(info, uncertainty=describe("quantile"))
    return Metric(info, compute, lambda c: len(c.sample), interval, why)


def local(
    info: MetricInfo,
    compute: Number,
    influence_of: Influence,
    *,
    least: int = dimension.MLE_NEIGHBORS,
) -> Metric[Cloud]:
    """A metric of the distances to neighbours, of which each point needs ``least``."""

    def interval(cloud: Cloud, number: float) -> Interval | None:
        found = influence_of(cloud, number)
        return clustered(number, found, cloud.graph.clusters, scale="log")

    info = replace(info, uncertainty=describe("log"))
    return Metric(info, compute, _n_points, interval, partial(_why_no_dimension, least))


def local_quantile(info: MetricInfo, q: float) -> Metric[Cloud]:
    """A quantile over tokens of the local dimension."""

    def interval(cloud: Cloud, _number: float) -> Interval | None:
        return quantile_interval(cloud.local_dimensions, q, cloud.graph.clusters)

    return Metric(
        replace(info, uncertainty=describe("quantile")),
        lambda c: dimension.lid_quantile(c.local_dimensions, q),
        _n_points,
        interval,
        partial(_why_no_dimension, dimension.MLE_NEIGHBORS),
    )


def _n_points(cloud: Cloud) -> int:
    return len(cloud.graph.distances)


def _why_no_dimension(least: int, cloud: Cloud, n: int) -> str:
    if cloud.graph.distances.shape[1] < least or n < 3:
        return f"{n} distinct points in the sample, at least {least + 1} needed"
    return "neighbours lie at equal distances"


def dimension_info(
    name: str, *, title: str, symbol: str, formula: str, citation: str
) -> MetricInfo:
    """Say what an estimate of dimension means."""
    return info_of(
        name,
        title=title,
        symbol=symbol,
        formula=formula,
        bounds=("0", "inf"),
        citation=citation,
        unit="dimensions",
    )
