"""Metrics of length: how long token vectors are, and whether single coordinates tower."""

from collections.abc import Callable

import numpy as np

from embstore.metrics.clusters import Totals
from embstore.metrics.conventions import TOO_LARGE
from embstore.metrics.metric import Description, Family, Metric
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Interval, describe, quantile_interval
from embstore.types import FloatArray

FAMILY = Family(
    name="length",
    title="Norms and large coordinates",
    text="""
    Lengths of the vectors as they are. The quantiles come from the sample, the maximum and the
    largest coordinate from every token. The 16 largest coordinates of each layer stand with their
    tokens in table `massive_activation`.
    """,
)


def norm_quantile(
    description: Description, quantile: Callable[[FloatArray, float], float], q: float
) -> Metric[Cloud]:
    """A quantile over the norms of the kept sample."""

    def interval(cloud: Cloud, _number: float) -> Interval | None:
        norms, clusters = cloud.sample_norms, cloud.clusters

        def share_below(limit: float) -> Totals | None:
            return clusters.totals(clusters.sums((norms <= limit).astype(np.float64)))

        return quantile_interval(norms, q, share_below)

    return Metric(
        description,
        FAMILY,
        describe("quantile"),
        compute=lambda cloud: quantile(cloud.sample_norms, q),
        count=lambda cloud: len(cloud.sample),
        interval=interval,
        why=_why_undefined,
    )


def extreme(description: Description, compute: Callable[[Cloud], float]) -> Metric[Cloud]:
    """A number that one token decides: it has no error."""
    return Metric(
        description,
        FAMILY,
        "none",
        compute=compute,
        count=lambda cloud: cloud.n,
        interval=lambda _cloud, _number: None,
        why=_why_undefined,
    )


def _why_undefined(cloud: Cloud, n: int) -> str:
    if n < 1:
        return f"{n} tokens"
    if not len(cloud.sample):
        return f"none of the {n:,} tokens is in the sample"
    if cloud.sample_abs_median > 0:
        return TOO_LARGE
    return "more than half of all coordinates are zero"
