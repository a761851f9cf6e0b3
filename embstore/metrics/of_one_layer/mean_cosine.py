"""Mean cosine similarity: whether token vectors point the same way."""

import numpy as np

from embstore.metrics.families.directional import directional
from embstore.metrics.metric import Description
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray


def mean_cosine(unit_sum: FloatArray, n_unit: int) -> float:
    """Return the mean cosine over all pairs of different tokens, exactly.

    (‖Σu‖² - N) / (N(N - 1)) for N unit vectors u, not centred: no pair is sampled.
    In [-1/(N - 1), 1]; NaN for fewer than two vectors with a direction.

    Args:
        unit_sum: sum of the unit vectors, (d,).
        n_unit: their number N; zero vectors have no direction and do not count.

    Ethayarajh 2019, arXiv 1909.00512.

    >>> mean_cosine(np.array([1.0, 1.0]), 2)  # two vectors at a right angle
    0.0
    """
    if n_unit < 2:
        return float("nan")
    return float((unit_sum @ unit_sum - n_unit) / (n_unit * (n_unit - 1)))


def influence(cloud: Cloud, _value: float) -> FloatArray:
    """Of the mean over all pairs: twice each direction's product with the mean, (n,)."""
    return np.asarray(2.0 * cloud.to_mean)


METRICS = [
    directional(
        Description(
            name="mean_cosine",
            title="Mean cosine similarity",
            symbol="⟨cos⟩",
            formula="(‖Σu‖² − N)/(N(N − 1)), u = x/‖x‖, not centred, over all pairs",
            bounds=("-1/(n - 1)", "1"),
            citation="Ethayarajh 2019, arXiv 1909.00512",
            unchanged_by=("rotation",),
            notes="""
            Called anisotropy in part of the literature (Ethayarajh 2019), and a different thing:
            it measures how far the mean lies from the origin, the metric `anisotropy` how the
            cloud stretches around its mean. A few tokens hardly move it.
            """,
        ),
        lambda cloud: mean_cosine(cloud.moments.unit_sum, cloud.n_unit),
        influence,
        transform="atanh",
    )
]
