"""The coordinate that gives most of the mean cosine: its share, and which it is."""

import numpy as np

from embstore.metrics.families.directional import coordinate, directional
from embstore.metrics.metric import Description
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray

_TIMKEY = "Timkey & van Schijndel 2021, arXiv 2109.04404"


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


def influence(cloud: Cloud, share: float) -> FloatArray:
    """Of the share ū_i²/‖ū‖² of the top coordinate i, ū the mean direction, (n_sample,)."""
    top = int(top_cosine_coordinate(cloud.moments.unit_sum, cloud.moments.unit_squares))
    mean = cloud.moments.unit_sum / cloud.n_unit
    moved = cloud.directions_at(top) * mean[top] - share * cloud.to_mean
    return np.asarray(2.0 * moved / float(mean @ mean))


METRICS = [
    directional(
        Description(
            name="top_cosine_share",
            title="Largest share of one coordinate in mean cosine",
            symbol="max share",
            formula="max_i (s_i² − Σu_i²)/Σ_j(s_j² − Σu_j²), s = Σu",
            bounds=("1/d", "inf"),
            citation=_TIMKEY,
            unchanged_by=(),
            notes="""
            How much of the mean cosine comes from a single coordinate. Shares add up to 1 and may
            be negative, so the largest may exceed 1 where the mean cosine is near 0.
            """,
        ),
        lambda cloud: top_cosine_share(cloud.moments.unit_sum, cloud.moments.unit_squares),
        influence,
        transform="log",
    ),
    coordinate(
        Description(
            name="top_cosine_coordinate",
            title="Coordinate with the largest share in mean cosine",
            symbol="argmax share",
            formula="the i of top_cosine_share, from 0",
            bounds=("0", "d - 1"),
            unit="index",
            citation=_TIMKEY,
            unchanged_by=(),
            notes="Which coordinate that is. An index has no standard error.",
        ),
        lambda cloud: top_cosine_coordinate(cloud.moments.unit_sum, cloud.moments.unit_squares),
    ),
]
