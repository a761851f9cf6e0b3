"""Method of moments: the intrinsic dimension from the mean distance to near neighbours."""

import numpy as np

from embstore.metrics.families.dimension import estimate
from embstore.metrics.metric import Description
from embstore.metrics.neighbor_ratios import NEIGHBORS, mean_of_untied
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray


def mom(distances: FloatArray, *, k: int = NEIGHBORS) -> float:
    """Estimate the intrinsic dimension by the method of moments, averaged over points.

    Around each point r̄ / (r_k - r̄), r̄ the mean of its k distances: in a d-dimensional
    ball the mean distance is d/(d + 1) of the radius.

    Args:
        distances: to at least k neighbours, (n, >= k).
        k: neighbours used.

    Returns:
        A positive number; NaN with fewer neighbours, or where those of more than a tenth of
        the points are all equally far. Fewer such points are left out.

    Amsaleg et al. 2018, doi 10.1007/s10618-018-0578-6.

    >>> round(mom(np.array([[1.0, 2.0, 3.0]]), k=3), 6)
    2.0
    """
    if distances.shape[1] < k or not len(distances):
        return float("nan")
    return mean_of_untied(local_moments(distances, k=k))


def local_moments(distances: FloatArray, *, k: int = NEIGHBORS) -> FloatArray:
    """The estimate of ``mom`` around each point, (n,); infinite where all are equally far."""
    radius = distances[:, k - 1]
    # The mean of equal numbers may round to another one, their differences are zero.
    short = (radius[:, np.newaxis] - distances[:, :k]).mean(axis=1)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray((radius - short) / short, dtype=np.float64)


def influence(cloud: Cloud, value: float) -> FloatArray:
    """Of the mean over points of u/(1 − u), u the mean of a point's distances over r_k, (n,).

    Points left out do not move it.
    """
    k = NEIGHBORS
    found = local_moments(cloud.graph.distances)
    tied = np.isinf(found)
    shares = cloud.graph.distances[:, :k] / cloud.graph.distances[:, k - 1 : k]
    mean = shares.mean(axis=1, keepdims=True)
    short = np.where(tied[:, np.newaxis], np.inf, 1.0 - mean)
    effects = (shares - mean) / (k * np.square(short))
    return np.where(tied, value, found) + cloud.graph.on_neighbors(effects)


METRICS = [
    estimate(
        Description(
            name="mom",
            title="Intrinsic dimension (method of moments)",
            symbol="d_mom",
            formula="mean over tokens of r̄/(r_k − r̄), r̄ the mean of r_1 … r_k, k = 20",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Amsaleg et al. 2018, doi 10.1007/s10618-018-0578-6",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            A mean of local estimates, so a few tokens in thin regions pull it up. It reads 2 to 4
            times higher than `twonn` on hidden states of the demo's decoder.
            """,
        ),
        lambda cloud: mom(cloud.graph.distances),
        influence,
        robust=False,
    )
]
