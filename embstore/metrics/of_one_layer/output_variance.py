"""Output variance: how much the coordinates of a layer's vectors vary over tokens."""

from embstore.metrics.conventions import TOO_LARGE
from embstore.metrics.families.spectral import FAMILY
from embstore.metrics.metric import Description, Metric
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import Interval, describe, from_totals
from embstore.types import FloatArray


def output_variance(eigenvalues: FloatArray) -> float:
    """Tell how much a coordinate varies over tokens, in the mean over all of them.

    Σλ/d, which is the mean of the diagonal of the covariance; 0 where all vectors are equal.

    Sun et al. 2025, The Curse of Depth, arXiv 2502.05795, appendix B.

    >>> import numpy as np
    >>> output_variance(np.array([3.0, 1.0]))
    2.0
    """
    return float(eigenvalues.mean())


def _output_variance(cloud: Cloud) -> float:
    return cloud.trace / cloud.d if cloud.n > 1 else float("nan")


def _interval(cloud: Cloud, number: float) -> Interval | None:
    """Move it by the squared distance of tokens from the mean."""
    clusters = cloud.unit_clusters
    totals = clusters.totals(cloud.square_sums / cloud.d) if clusters.n_windows > 1 else None
    # Distances are multiplied in float32.
    return from_totals(number, totals, transform="log", rounding=1e-6)


METRICS = [
    Metric(
        Description(
            name="output_variance",
            title="Output variance",
            symbol="σ²",
            formula="Σλ/d",
            bounds=("0", "inf"),
            citation="Sun et al. 2025, The Curse of Depth, arXiv 2502.05795",
            unchanged_by=("shift", "rotation"),
            degree=2,
            notes="""
            The mean variance of a coordinate over tokens, not relative to anything: in models that
            normalise before each block it grows with depth, which the paper holds to be why deep
            layers do little. The paper plots the variance of each layer's output, and neither it
            nor its code says over what; this is the reading over tokens, which leaves the mean
            vector out. Sinks can make up all of it: compare scope `no_sinks`.
            """,
        ),
        FAMILY,
        describe("log"),
        compute=_output_variance,
        count=lambda cloud: cloud.n,
        interval=_interval,
        why=lambda _cloud, n: TOO_LARGE if n > 1 else f"{n} tokens",
        needs=frozenset({"covariance"}),
        of_spectrum=output_variance,
    )
]
