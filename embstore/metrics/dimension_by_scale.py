"""Intrinsic dimension at larger scales: the Gride curve and the correlation integral."""

import numpy as np
from scipy.special import digamma

from embstore.metrics.dimension import log_ratios
from embstore.types import FloatArray

CORRINT_NEIGHBORS = (10, 20)
# Scales of the Gride curve: it compares the 2n-th with the n-th neighbour.
GRIDE_RANKS = (1, 2, 4, 8, 16, 32)


def gride(distances: FloatArray, rank: int) -> float:
    """Estimate the intrinsic dimension at a larger scale, from r_{2·rank} / r_rank (Gride).

    The maximum of the likelihood of x = ln(r_{2n}/r_n), whose density in a d-dimensional
    uniform neighbourhood is d (e^{dx} - 1)^{n-1} / (B(n, n) e^{(2n-1)dx}). At rank 1 it is
    TwoNN by maximum likelihood, without censoring.

    Args:
        distances: to at least 2·rank neighbours, (n, >= 2·rank).
        rank: n of the formula, >= 1; larger ranks look at a larger scale.

    Returns:
        A positive number; NaN with fewer neighbours, or where all ratios are 1.

    Denti et al. 2022, doi 10.1038/s41598-022-20991-1.
    """
    if distances.shape[1] < 2 * rank or not len(distances):
        return float("nan")
    x = log_ratios(distances, rank=rank)
    mean = float(x.mean())
    if not mean > 0:
        return float("nan")
    # The mean of x is (digamma(2n) - digamma(n))/d; from there Newton's steps on a concave
    # likelihood, each bounded to a factor of two.
    value = float(digamma(2 * rank) - digamma(rank)) / mean
    for _ in range(50):
        scores, information = gride_score(x, rank, value)
        step = float(scores.mean()) / information
        value = min(max(value + step, value / 2), value * 2)
        if abs(step) <= 1e-12 * value:
            break
    return value


def gride_score(x: FloatArray, rank: int, value: float) -> tuple[FloatArray, float]:
    """Return the derivative of each point's log likelihood, (n,), and the information.

    Args:
        x: ln(r_{2·rank}/r_rank) of each point, (n,).
        rank: as in ``gride``.
        value: the dimension at which to differentiate.

    Returns:
        The first derivatives, and the mean of minus the second ones.
    """
    if rank == 1:
        return 1.0 / value - x, 1.0 / value**2
    near = np.exp(-value * x)
    with np.errstate(divide="ignore", invalid="ignore"):
        # x/(1 - e^{-dx}) tends to 1/d for small x.
        tilt = np.where(x > 0, x / -np.expm1(-value * x), 1.0 / value)
    scores = 1.0 / value + (rank - 1) * tilt - (2 * rank - 1) * x
    return scores, 1.0 / value**2 + (rank - 1) * float(np.mean(near * tilt**2))


def corrint_radii(distances: FloatArray) -> FloatArray:
    """Return the radii between which ``corrint`` takes its slope, and others around them.

    Args:
        distances: to at least 20 neighbours, (n, >= 20).

    Returns:
        Radii that grow by equal factors, (4,): the second is the median over points of the
        distance to the 10th neighbour, the last that to the 20th. NaN with fewer neighbours.
    """
    first, second = CORRINT_NEIGHBORS
    if distances.shape[1] < second or not len(distances):
        return np.full(4, np.nan)
    a, b = (float(np.median(distances[:, k - 1])) for k in (first, second))
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
    # The least radius, too, which the error needs.
    if not pairs[0] > 0:
        return float("nan")
    return float(np.log(pairs[3] / pairs[1]) / np.log(b / a))
