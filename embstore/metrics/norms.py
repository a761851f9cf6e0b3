"""Metrics of length: how long token vectors are, and whether single coordinates tower."""

import numpy as np

from embstore.types import FloatArray


def norm_quantile(norms: FloatArray, q: float) -> float:
    """Return a quantile of the vector norms of the kept sample; NaN for none.

    >>> norm_quantile(np.array([1.0, 2.0, 3.0]), 0.5)
    2.0
    """
    return float(np.quantile(norms, q)) if len(norms) else float("nan")


def massive_ratio(abs_max: float, abs_median: float) -> float:
    """Compare the largest coordinate with the usual one.

    max|x| over all tokens / median|x| of the kept sample; at least 1 on one sample.
    Massive activations are those in the thousands. NaN if the median is zero.

    Sun et al. 2024, arXiv 2402.17762.

    >>> massive_ratio(3000.0, 0.5)
    6000.0
    """
    return abs_max / abs_median if abs_median > 0 else float("nan")
