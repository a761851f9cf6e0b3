"""Gride: the intrinsic dimension from scale to scale, the curve in table ``dimension_curve``."""

import numpy as np
from scipy.special import digamma

from embstore.metrics.neighbor_ratios import log_ratios, too_many
from embstore.metrics.one_layer import Graph
from embstore.types import FloatArray

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
        A positive number; NaN with fewer neighbours, or where more than a tenth of the
        ratios are 1.

    Denti et al. 2022, doi 10.1038/s41598-022-20991-1.
    """
    if distances.shape[1] < 2 * rank or not len(distances):
        return float("nan")
    x = log_ratios(distances, rank=rank)
    if too_many(x == 0):
        return float("nan")
    mean = float(x.mean())
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


def influence(graph: Graph, rank: int, value: float) -> FloatArray:
    """Of the maximum-likelihood dimension at one scale, (n,).

    Each point moves it by its score over the information, and by its effect as the neighbour
    of others: without one of the nearer ``rank`` both radii grow, r_n by 1/(nd) of a
    logarithm on average and r_2n by half of that; without one of the others r_2n alone.
    """
    x = log_ratios(graph.distances, rank=rank)
    scores, information = gride_score(x, rank, value)
    if rank == 1:
        return scores / information
    step = 1e-4 * float(x.mean())
    slope = (gride_score(x + step, rank, value)[0] - gride_score(x - step, rank, value)[0]) / (
        2 * step
    )
    side = np.where(np.arange(2 * rank) < rank, 1.0, -1.0)
    effects = slope[:, np.newaxis] * side / (2 * rank * value)
    return np.asarray((scores + graph.on_neighbors(effects)) / information)
