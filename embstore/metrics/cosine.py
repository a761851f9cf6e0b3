"""Metrics of direction: do token vectors point the same way?"""

from embstore.types import FloatArray


def mean_cosine(unit_sum: FloatArray, n_unit: int) -> float:
    """Return the mean cosine over all pairs of different tokens, exactly.

    (‖Σu‖² - N) / (N(N - 1)) for N unit vectors u, not centred: no pair is sampled.
    In [-1/(N - 1), 1]; NaN for fewer than two vectors with a direction.

    Args:
        unit_sum: sum of the unit vectors, (d,).
        n_unit: their number N; zero vectors have no direction and do not count.

    Ethayarajh 2019, arXiv 1909.00512.

    >>> import numpy as np
    >>> mean_cosine(np.array([1.0, 1.0]), 2)  # two vectors at a right angle
    0.0
    """
    if n_unit < 2:
        return float("nan")
    return float((unit_sum @ unit_sum - n_unit) / (n_unit * (n_unit - 1)))
