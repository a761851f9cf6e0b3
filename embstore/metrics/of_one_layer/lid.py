"""Quantiles of the local intrinsic dimension: how it varies from token to token."""

import numpy as np

from embstore.metrics.clusters import AS_NEIGHBOR
from embstore.metrics.families.dimension import local_quantile
from embstore.metrics.metric import Description
from embstore.types import FloatArray

_NOTES = {
    5: """
        The local dimension around the tokens where it is lowest: often repeated or formulaic
        text.
        """,
    25: "The lower quartile of the local dimension.",
    50: "The median of the local dimension. Not equal to `mle`, which is a harmonic mean.",
    75: "The upper quartile of the local dimension.",
    95: "The local dimension around the tokens where it is highest.",
}

# At the lower quartile stand the points that many others have as a neighbour, and that they have
# not in turn: of what they do to others nearly all counts (seen in ``benchmarks/coverage.py``).
_AS_NEIGHBOR = {25: 0.9}


def lid_quantile(local: FloatArray, q: float) -> float:
    """Return a quantile over tokens of the local intrinsic dimension.

    NaN without local estimates, or where the quantile is infinite.

    Args:
        local: estimates around each point, (n,), as from ``local_dimensions``.
        q: which quantile.

    Levina & Bickel 2004, Advances in Neural Information Processing Systems 17.

    >>> lid_quantile(np.array([1.0, 2.0, 3.0]), 0.5)
    2.0
    """
    if not len(local):
        return float("nan")
    # Interpolation may meet an infinite value: it is only looked at if it is needed.
    with np.errstate(invalid="ignore"):
        value = float(np.quantile(local, q))
    return value if np.isfinite(value) else float("nan")


METRICS = [
    local_quantile(
        Description(
            name=f"lid_p{percent:02d}",
            title=f"Local intrinsic dimension, {percent} % quantile",
            symbol=f"LID p{percent:02d}",
            formula=f"{percent} % quantile over tokens of the local estimate, k = 20",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Levina & Bickel 2004, NeurIPS 17",
            unchanged_by=("shift", "rotation", "duplication"),
            notes=notes,
        ),
        lid_quantile,
        percent / 100,
        as_neighbor=_AS_NEIGHBOR.get(percent, AS_NEIGHBOR),
    )
    for percent, notes in _NOTES.items()
]
