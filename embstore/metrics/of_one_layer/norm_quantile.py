"""Quantiles of the norm: how long token vectors usually are, and at the ends."""

import numpy as np

from embstore.metrics.families import length
from embstore.metrics.metric import Description
from embstore.types import FloatArray

_ENTRIES = {
    1: ("1st percentile", "The shortest vectors."),
    50: ("median", "The usual length; in most models it grows with depth."),
    99: (
        "99th percentile",
        """
        With one sink per window of 512 tokens, sinks are 0.2 % of all tokens and do not reach
        this quantile: look at `norm_max`.
        """,
    ),
}


def norm_quantile(norms: FloatArray, q: float) -> float:
    """Return a quantile of the vector norms of the kept sample; NaN for none.

    >>> norm_quantile(np.array([1.0, 2.0, 3.0]), 0.5)
    2.0
    """
    return float(np.quantile(norms, q)) if len(norms) else float("nan")


METRICS = [
    length.norm_quantile(
        Description(
            name=f"norm_p{percent:02d}",
            title=f"Norm, {label}",
            symbol=f"‖x‖ p{percent:02d}",
            formula=f"{percent} % quantile of ‖x‖",
            bounds=("0", "inf"),
            citation="Euclidean norm; see Timkey & van Schijndel 2021, arXiv 2109.04404",
            # The middle of every number twice is the middle.
            unchanged_by=("rotation", "duplication") if percent == 50 else ("rotation",),
            degree=1,
            notes=notes,
        ),
        norm_quantile,
        percent / 100,
    )
    for percent, (label, notes) in _ENTRIES.items()
]
