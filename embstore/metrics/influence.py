"""Influence functions: how much each token moves a number, to first order.

Each returns one value per unit, (n,), up to a constant, so that the number's error is
that of the values' mean. Distances to neighbours count as given: that a token is also
its neighbours' neighbour is left out.
"""

import numpy as np

from embstore.metrics.dimension import log_ratios, twonn_kept
from embstore.metrics.dimension_by_scale import gride_score
from embstore.types import FloatArray

# Quantiles this far to either side of one tell the density between them.
_PACE = 0.05


def mean_cosine(to_mean: FloatArray) -> FloatArray:
    """Of the mean over all pairs: twice each direction's product with the mean, (n,)."""
    return 2.0 * to_mean


def top_cosine_share(
    share: float, at_coordinate: FloatArray, to_mean: FloatArray, mean: FloatArray, top: int
) -> FloatArray:
    """Of the share ū_i²/‖ū‖² of one coordinate.

    Args:
        share: the value.
        at_coordinate: that coordinate of each direction u, (n,).
        to_mean: u·ū, (n,).
        mean: ū, (d,).
        top: the coordinate.
    """
    moved = at_coordinate * mean[top] - share * to_mean
    return np.asarray(2.0 * moved / float(mean @ mean))


def twonn(distances: FloatArray, value: float, *, kept: int | None = None) -> FloatArray:
    """Of the slope Σxy/Σx² over the ``kept`` smallest log ratios x, y = −ln(1 − F).

    Both sums are linear in the order statistics (L-statistics), so a token moves them by
    its own ratio and by the ranks it shifts.

    Args:
        distances: to at least two neighbours, (n, >= 2).
        value: the slope.
        kept: how many ratios the fit used; None for those of ``twonn``.
    """
    x = log_ratios(distances)
    n = len(x)
    m = twonn_kept(n) if kept is None else kept
    order = np.argsort(x, kind="stable")
    ordered = np.minimum(x[order], x[order[m - 1]])
    # The integral of y(F(t)) dt up to each point, for Σxy; x² itself, cut at the m-th
    # ratio, for Σx².
    y = -np.log1p(-np.minimum(np.arange(1, n + 1), m) / n)
    along = np.concatenate([[0.0], np.cumsum(y[:-1] * np.diff(ordered))])
    total = float(np.square(ordered[:m]).sum()) / n
    result = np.empty(n)
    result[order] = (along - value * np.square(ordered)) / total
    return result


def twonn_ml(distances: FloatArray, value: float, *, censored: float = 0.1) -> FloatArray:
    """Of the censored maximum-likelihood slope p/E[min(x, ξ)], ξ the p-quantile of x, (n,).

    A token moves the mean by its own censored ratio, and by where it leaves the limit.
    """
    x = log_ratios(distances)
    p = 1.0 - censored
    limit, pace = _quantile_and_pace(x, p)
    moved = np.minimum(x, limit) + censored * pace * (p - (x <= limit))
    return np.asarray(-(value**2) / p * moved)


def _quantile_and_pace(x: FloatArray, q: float) -> tuple[float, float]:
    """Return a quantile and how fast it grows with q: one over the density there."""
    low, middle, high = np.quantile(x, [q - _PACE, q, q + _PACE])
    return float(middle), float(high - low) / (2 * _PACE)


def harmonic_mean(local: FloatArray, value: float) -> FloatArray:
    """Of the harmonic mean of local dimensions, (n,)."""
    return np.asarray(-(value**2) / local, dtype=np.float64)


def gride(distances: FloatArray, rank: int, value: float) -> FloatArray:
    """Of the maximum-likelihood dimension at one scale: its score over the information."""
    scores, information = gride_score(log_ratios(distances, rank=rank), rank, value)
    return scores / information


def corrint(
    value: float, within: FloatArray, radii: FloatArray, distances: FloatArray
) -> FloatArray:
    """Of the slope of ln C(r) on ln r between two radii, which are medians themselves.

    A token moves C by the pairs it is in, and the radii by its own distance to its 10th
    and 20th neighbours. If C bends, that moves the slope: by how much follows from its
    slope around the first radius.

    Args:
        value: the slope.
        within: of the other points within each radius of each point, the share, (n, 4).
        radii: as ``scale.corrint_radii`` gives them, (4,).
        distances: to the neighbours, (n, >= 20).
    """
    logs, counts = np.log(radii), np.log(within.mean(axis=0))
    relative = 2.0 * within / within.mean(axis=0)
    moved = relative[:, 3] - relative[:, 1]
    # The slope between the two radii is that in their middle; what it is above the slope
    # around the first, the slope around the second is above it.
    first = (counts[2] - counts[0]) / (logs[2] - logs[0])
    for k, slope, sign in ((10, first, -1), (20, 2 * value - first, 1)):
        x = np.log(distances[:, k - 1])
        median, pace = _quantile_and_pace(x, 0.5)
        moved += sign * (slope - value) * pace * (0.5 - (x <= median))
    return np.asarray(moved / (logs[3] - logs[1]))
