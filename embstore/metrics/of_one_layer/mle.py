"""Maximum likelihood: one intrinsic dimension from the estimates around all points."""

import numpy as np

from embstore.metrics.families.dimension import estimate
from embstore.metrics.metric import Description
from embstore.metrics.neighbor_ratios import too_many
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray


def mle(local: FloatArray) -> float:
    """Summarise local estimates by their harmonic mean: one maximum-likelihood dimension.

    The harmonic mean averages the inverse estimates, which are unbiased where the
    estimates themselves are not. NaN without local estimates, or where more than a tenth
    are infinite.

    Args:
        local: estimates around each point, (n,), as from ``local_dimensions``.

    Levina & Bickel 2004; aggregation: MacKay & Ghahramani 2005.

    >>> mle(np.array([2.0, 2.0]))
    2.0
    """
    if not len(local) or too_many(np.isinf(local)):
        return float("nan")
    return 1.0 / float(np.mean(1.0 / local))


def influence(cloud: Cloud, value: float) -> FloatArray:
    """Of the harmonic mean of local dimensions, (n,)."""
    on_others = cloud.graph.on_neighbors(cloud.graph.inverse_effects)
    return np.asarray(-(value**2) * (1.0 / cloud.local_dimensions + on_others))


METRICS = [
    estimate(
        Description(
            name="mle",
            title="Intrinsic dimension (maximum likelihood)",
            symbol="d_mle",
            formula="harmonic mean over tokens of [1/(k − 1) · Σ_{j<k} ln(r_k/r_j)]⁻¹, k = 20",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Levina & Bickel 2004, NeurIPS 17; MacKay & Ghahramani 2005",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            The harmonic mean over tokens, as MacKay and Ghahramani advise: the plain mean is
            biased upward.
            """,
        ),
        lambda cloud: mle(cloud.local_dimensions),
        influence,
        robust=False,
    )
]
