"""Normalised standard deviation: whether directions have collapsed onto one."""

import numpy as np

from embstore.geometry.moments import EPS
from embstore.geometry.row_loops import squares_about
from embstore.metrics.families.directional import directional
from embstore.metrics.metric import Description
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray

# Of sums over many vectors as much is rounding.
_ROUNDING = 64 * EPS


def deviations(unit_sum: FloatArray, unit_squares: FloatArray, n_unit: int) -> FloatArray:
    """Return the standard deviation of each coordinate of the directions, (d,).

    Args:
        unit_sum: sum of the unit vectors, (d,).
        unit_squares: sum of their squared coordinates, (d,).
        n_unit: their number.
    """
    squares = unit_squares / n_unit
    variances = squares - (unit_sum / n_unit) ** 2
    return np.sqrt(np.where(variances > _ROUNDING * squares, variances, 0.0))


def normalized_std(unit_sum: FloatArray, unit_squares: FloatArray, n_unit: int) -> float:
    """Tell how far directions are from having collapsed onto one.

    √d times the mean over coordinates of the standard deviation (divisor N) of u = x/‖x‖, in
    [0, 1]: 1 for directions spread evenly around the origin, 0 where all are the same. NaN for
    fewer than two vectors with a direction.

    Args:
        unit_sum: sum of the unit vectors, (d,).
        unit_squares: sum of their squared coordinates, (d,).
        n_unit: their number N; zero vectors have no direction and do not count.

    Chen & He 2021, arXiv 2011.10566, figure 2.

    >>> normalized_std(np.zeros(4), np.ones(4), 4)  # the axes of four dimensions, and back
    1.0
    """
    if n_unit < 2:
        return float("nan")
    spread = deviations(unit_sum, unit_squares, n_unit)
    return float(spread.mean() * np.sqrt(len(spread)))


def influence(cloud: Cloud, value: float) -> FloatArray:
    """Of a mean of roots: each squared deviation over twice its coordinate's own, (n_units,)."""
    moments = cloud.moments
    spread = deviations(moments.unit_sum, moments.unit_squares, cloud.n_unit)
    weights = np.zeros(len(spread))
    np.divide(0.5 / np.sqrt(len(spread)), spread, out=weights, where=spread > 0)
    # What has no direction moves nothing, as a vector that lies as far away as they do on average.
    return np.asarray(
        squares_about(cloud.units, moments.unit_sum / cloud.n_unit, weights, value / 2)
    )


METRICS = [
    directional(
        Description(
            name="normalized_std",
            title="Normalised standard deviation",
            symbol="√d·std(u)",
            formula="√d · mean over coordinates of std(u_i), u = x/‖x‖, divisor N",
            bounds=("0", "1"),
            citation="Chen & He 2021, arXiv 2011.10566",
            unchanged_by=("duplication",),
            notes="""
            A guard against collapse: 0 where all vectors have one direction, 1 where they point
            everywhere alike. It sees a collapse onto one vector, which centred metrics do not. The
            paper plots it without the √d, so that 1/√d is the most. A direction shared by all
            lowers it as it raises `mean_cosine`, but a few coordinates that vary much lower it
            too, so it depends on the axes.
            """,
        ),
        lambda cloud: normalized_std(
            cloud.moments.unit_sum, cloud.moments.unit_squares, cloud.n_unit
        ),
        influence,
        transform="logit",
    )
]
