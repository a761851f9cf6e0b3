"""Correlation integral: how fast the number of pairs grows with their distance."""

import numpy as np

from embstore.metrics.families.dimension import estimate
from embstore.metrics.metric import Description
from embstore.metrics.one_layer import Cloud
from embstore.metrics.uncertainty import quantile_and_pace
from embstore.types import FloatArray

CORRINT_NEIGHBORS = (10, 20)


def corrint_radii(distances: FloatArray, error: float = 0.0) -> FloatArray:
    """Return the radii between which ``corrint`` takes its slope, and others around them.

    Args:
        distances: to at least 20 neighbours, (n, >= 20).
        error: what rounding of the vectors can add to a distance.

    Returns:
        Radii that grow by equal factors, (4,): the second is the median over points of the
        distance to the 10th neighbour, the last that to the 20th. NaN with fewer neighbours, or
        where rounding alone could tell the two apart.
    """
    first, second = CORRINT_NEIGHBORS
    if distances.shape[1] < second or not len(distances):
        return np.full(4, np.nan)
    a, b = (float(np.median(distances[:, k - 1])) for k in (first, second))
    if not b - a > 2 * error:
        return np.full(4, np.nan)
    return np.asarray(a * np.power(b / a, np.array([-0.5, 0.0, 0.5, 1.0])))


def corrint(within: FloatArray, radii: FloatArray) -> float:
    """Estimate the correlation dimension: the slope of ln C(r) on ln r between two radii.

    C(r) is the share of all pairs of points at most r apart. The radii are the medians
    over points of the distances to their 10th and 20th neighbours.

    Args:
        within: for each point the share of all other points within each radius, (n, 4).
        radii: as ``corrint_radii`` gives them, (4,).

    Returns:
        A non-negative number; NaN where the radii are equal or no pair is that near.

    Grassberger & Procaccia 1983, doi 10.1016/0167-2789(83)90298-1; the radii are those
    of scikit-dimension's CorrInt.
    """
    a, b = radii[1], radii[3]
    if not len(within) or not 0 < a < b:
        return float("nan")
    pairs = within.mean(axis=0)
    # The value needs no pair within the smallest radius, but its error does.
    if not pairs[0] > 0:
        return float("nan")
    return float(np.log(pairs[3] / pairs[1]) / np.log(b / a))


def influence(cloud: Cloud, value: float) -> FloatArray:
    """Of the slope of ln C(r) on ln r between two radii, which are medians themselves.

    A token moves C by the pairs it is in, and the radii by its own distance to its 10th
    and 20th neighbours. If C bends, that moves the slope: by how much follows from its
    slope around the first radius.
    """
    within, distances = cloud.graph.within, cloud.graph.distances
    radii = cloud.graph.radii
    logs, counts = np.log(radii / radii[1]), np.log(within.mean(axis=0))
    relative = 2.0 * within / within.mean(axis=0)
    moved = relative[:, 3] - relative[:, 1]
    # ``value`` is the slope in the middle between the two radii. If the slope changes evenly
    # from the first radius to the second, ``value`` is the mean of the slopes at both.
    first = (counts[2] - counts[0]) / (logs[2] - logs[0])
    slopes = (first, 2 * value - first)
    for k, slope, sign in zip(CORRINT_NEIGHBORS, slopes, (-1, 1), strict=True):
        x = np.log(distances[:, k - 1] / radii[1])
        median, pace = quantile_and_pace(x, 0.5)
        moved += sign * (slope - value) * pace * (0.5 - (x <= median))
    return np.asarray(moved / (logs[3] - logs[1]))


METRICS = [
    estimate(
        Description(
            name="corrint",
            title="Intrinsic dimension (correlation integral)",
            symbol="d_corr",
            formula="ln(C(b)/C(a))/ln(b/a), C(r) share of pairs within r, "
            "a, b medians of r_10, r_20",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Grassberger & Procaccia 1983, doi 10.1016/0167-2789(83)90298-1",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            Compares two radii for the whole cloud, so dense regions count more than with the
            estimators that average over tokens.
            """,
        ),
        lambda cloud: corrint(cloud.graph.within, cloud.graph.radii),
        influence,
        needs=frozenset({"neighbors", "pair counts"}),
    )
]
