"""Metrics of direction: do token vectors point the same way?"""

import numpy as np

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


def cosine_shares(unit_sum: FloatArray, unit_squares: FloatArray) -> FloatArray:
    """Split the mean cosine into each coordinate's share, (d,), which sum to 1.

    (s_i² - Σu_i²) / Σ_j (s_j² - Σu_j²), s = Σu over the unit vectors u. NaN where the
    mean cosine is zero, so that there is nothing to share.

    Args:
        unit_sum: s, (d,).
        unit_squares: sum of the squared coordinates of the unit vectors, (d,).

    Timkey & van Schijndel 2021, arXiv 2109.04404.

    >>> cosine_shares(np.array([2.0, 0.0]), np.array([2.0, 0.0])).tolist()
    [1.0, 0.0]
    """
    parts = unit_sum**2 - unit_squares
    total = parts.sum()
    return parts / total if total != 0 else np.full(len(parts), np.nan)


def top_cosine_share(unit_sum: FloatArray, unit_squares: FloatArray) -> float:
    """Tell how much of the mean cosine comes from the one coordinate that gives most.

    At least 1/d; near 1 a single "rogue" dimension makes the tokens look alike. Beyond 1
    other coordinates pull apart. NaN where the mean cosine is zero.

    Args:
        unit_sum: sum of the unit vectors, (d,).
        unit_squares: sum of their squared coordinates, (d,).

    Timkey & van Schijndel 2021, arXiv 2109.04404.
    """
    return float(cosine_shares(unit_sum, unit_squares).max())


def top_cosine_coordinate(unit_sum: FloatArray, unit_squares: FloatArray) -> float:
    """Return which coordinate, from 0, ``top_cosine_share`` speaks of; NaN where it is."""
    shares = cosine_shares(unit_sum, unit_squares)
    return float(np.argmax(shares)) if np.isfinite(shares).all() else float("nan")
