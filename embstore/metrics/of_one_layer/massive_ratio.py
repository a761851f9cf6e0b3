"""Massive activation ratio: whether single coordinates tower over all others."""

from embstore.metrics.families.length import extreme
from embstore.metrics.metric import Description


def massive_ratio(abs_max: float, abs_median: float) -> float:
    """Compare the largest coordinate with the usual one.

    max|x| over all tokens / median|x| of the kept sample; at least 1 on one sample.
    Massive activations are those in the thousands. NaN if the median is zero.

    Sun et al. 2024, arXiv 2402.17762.

    >>> massive_ratio(3000.0, 0.5)
    6000.0
    """
    return abs_max / abs_median if abs_median > 0 else float("nan")


METRICS = [
    extreme(
        Description(
            name="massive_ratio",
            title="Massive activation ratio",
            symbol="max|x|/med|x|",
            formula="largest absolute coordinate / median absolute coordinate",
            bounds=("0", "inf"),
            citation="Sun et al. 2024, arXiv 2402.17762",
            unchanged_by=("duplication",),
            notes="""
            Sun et al. call an activation massive above 100 in absolute value and 1,000 times the
            median. An extreme, without a standard error.
            """,
        ),
        lambda cloud: massive_ratio(cloud.moments.abs_max, cloud.sample_abs_median),
    )
]
