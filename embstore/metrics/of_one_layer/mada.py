"""Manifold-adaptive dimension: how much wider a ball with twice the neighbours is."""

import numpy as np

from embstore.metrics.families.dimension import estimate
from embstore.metrics.metric import Description
from embstore.metrics.neighbor_ratios import NEIGHBORS, log_ratio, mean_of_untied
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray


def mada(distances: FloatArray, *, k: int = NEIGHBORS) -> float:
    """Estimate the manifold-adaptive dimension, averaged over points.

    Around each point ln 2 / ln(r_k / r_{k/2}): doubling the number of neighbours widens
    their ball by 2^(1/d).

    Args:
        distances: to at least k neighbours, (n, >= k).
        k: neighbours used, even.

    Returns:
        A positive number; NaN with fewer neighbours, or where the two radii of more than
        a tenth of the points are equal. Fewer such points are left out.

    Farahmand, Szepesvári & Audibert 2007, doi 10.1145/1273496.1273530.

    >>> mada(np.array([[1.0, 2.0]]), k=2)
    1.0
    """
    if distances.shape[1] < k or not len(distances):
        return float("nan")
    return mean_of_untied(local_widenings(distances, k=k))


def local_widenings(distances: FloatArray, *, k: int = NEIGHBORS) -> FloatArray:
    """The estimate of ``mada`` around each point, (n,); infinite where radii are equal."""
    widening = log_ratio(distances[:, k - 1], distances[:, k // 2 - 1])
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(2.0) / widening, dtype=np.float64)


def influence(cloud: Cloud, value: float) -> FloatArray:
    """Of the mean over points of ln 2/ln(r_k/r_{k/2}), (n,); points left out do not move it.

    Without one of the nearer half both radii grow, r_{k/2} by twice as much as r_k, by 1/(kd)
    of a logarithm on average; without one of the farther half r_k alone.
    """
    found = local_widenings(cloud.graph.distances)
    own = np.where(np.isinf(found), value, found)
    side = np.where(np.arange(NEIGHBORS) < NEIGHBORS // 2, -1.0, 1.0)
    around = np.where(np.isinf(found), 0.0, found)
    effects = around[:, np.newaxis] * side / (NEIGHBORS * np.log(2.0))
    return own + cloud.graph.on_neighbors(effects)


METRICS = [
    estimate(
        Description(
            name="mada",
            title="Intrinsic dimension (manifold-adaptive)",
            symbol="d_mada",
            formula="mean over tokens of ln 2/ln(r_k/r_{k/2}), k = 20",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Farahmand et al. 2007, doi 10.1145/1273496.1273530",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="As `mom`, and higher still.",
        ),
        lambda cloud: mada(cloud.graph.distances),
        influence,
        robust=False,
    )
]
