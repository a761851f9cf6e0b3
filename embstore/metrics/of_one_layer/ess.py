"""ESS: the dimension around each token from the angles between its neighbours."""

import numpy as np
from scipy.special import gammaln

from embstore.geometry.neighbors.neighborhoods import centred
from embstore.metrics.families.neighborhood import OWN_PASS, of_neighborhoods
from embstore.metrics.local_shapes import WIDE, shapes
from embstore.metrics.metric import Description
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray


def expected_skewness(dimensions: FloatArray) -> FloatArray:
    """Return the mean sine of the angle between two random directions of some dimensions.

    Γ(m/2)² / (Γ((m + 1)/2) Γ((m − 1)/2)) in m dimensions; 0 in one, where all are parallel.

    Args:
        dimensions: whole numbers from 1 on.

    >>> expected_skewness(np.array([1.0, 3.0])).round(4).tolist()
    [0.0, 0.7854]
    """
    m = np.asarray(dimensions, dtype=np.float64)
    logs = 2 * gammaln(m / 2) - gammaln((m + 1) / 2) - gammaln(np.maximum(m - 1, 1) / 2)
    return np.where(m > 1, np.exp(logs), 0.0)


def simplex_skewness(products: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Tell how far from parallel the neighbours of each point lie, as seen from their mean.

    Σ area/Σ product of lengths over all pairs of neighbours, the area that of the parallelogram
    which the pair spans: a mean of sines, in which long vectors count more.

    Args:
        products: inner products of the neighbours of each point, (b, k, k).

    Returns:
        The skewness, (b,), in [0, 1], and how much each neighbour moves it by being there, (b, k).
    """
    inner = centred(products)
    # One that is in the mean itself may be below zero by rounding.
    squares = np.maximum(np.einsum("bjj->bj", inner), 0.0)
    both = squares[:, :, np.newaxis] * squares[:, np.newaxis]
    areas = np.sqrt(np.maximum(both - np.square(inner), 0.0)).sum(axis=2)
    lengths = np.sqrt(squares)
    # Each with all others: with itself it spans no area.
    weights = lengths * (lengths.sum(axis=1, keepdims=True) - lengths)
    total = weights.sum(axis=1, keepdims=True)
    skewness = areas.sum(axis=1, keepdims=True) / total
    return skewness[:, 0], 2 * (areas - skewness * weights) / total


def dimension_of(skewness: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Find the dimension in which directions at random have that skewness.

    Between whole numbers it is interpolated linearly, as the authors do.

    Args:
        skewness: in [0, 1), (n,).

    Returns:
        Dimensions of at least 1, (n,), and how fast they grow with the skewness, (n,).
    """
    # 1 − skewness is about 1/2m: so many dimensions are enough.
    most = int(1.0 / max(1.0 - float(skewness.max(initial=0.0)), 1e-9)) + 3
    low, high = np.ones(len(skewness)), np.full(len(skewness), float(most))
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        above = expected_skewness(middle) <= skewness
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    start, end = expected_skewness(low), expected_skewness(low + 1)
    return low + (skewness - start) / (end - start), 1.0 / (end - start)


def local(cloud: Cloud) -> tuple[FloatArray, FloatArray]:
    """Estimate the dimension around each distinct point of a sample.

    Returns:
        The dimensions, (n,), and how much each neighbour moves them by being there, (n, k).
    """
    skewness, effects = shapes(
        cloud, WIDE, lambda inner, _: simplex_skewness(inner), seen_from="nearest"
    )
    dimensions, slope = dimension_of(skewness)
    return dimensions, effects * slope[:, np.newaxis]


def ess(cloud: Cloud) -> float:
    """Return the mean of the dimensions around the distinct points of a sample."""
    return float(cloud.once(local)[0].mean())


def influence(cloud: Cloud, _value: float) -> FloatArray:
    """Of the mean over points, (n,): by what is around each, and as the neighbour of others.

    Wide neighbourhoods overlap, and what is around a point says little of the point itself: of
    what it does to others all counts (seen in ``benchmarks/coverage.py``).
    """
    dimensions, effects = cloud.once(local)
    graph = cloud.graph
    return np.asarray(dimensions + graph.on_neighbors(effects) / graph.as_neighbor)


METRICS = [
    of_neighborhoods(
        Description(
            name="ess",
            title="Expected simplex skewness dimension",
            symbol="d_ESS",
            formula="mean over tokens of the dimension where E|sin θ| = Σ area/Σ‖a‖‖b‖ over pairs "
            f"of the token's {WIDE} neighbours, about their mean",
            bounds=("1", "inf"),
            unit="dimensions",
            citation="Johnsson et al. 2015, doi 10.1109/TPAMI.2014.2343220",
            unchanged_by=("shift", "rotation", "duplication"),
            notes=f"""
            From the angles between neighbours, not from their distances, so it does not fall short
            in many dimensions as the estimates of intrinsic dimension do: at 4,000 tokens a true
            50 reads 49 and a true 100 reads 97. What it counts are the directions that {WIDE}
            neighbours spread over, long ones more than short ones: noise and curvature add to them.
            It equals scikit-dimension's `ESS` at {WIDE} neighbours, which has 100 by default and,
            from 101 on, draws pairs.
            """,
        ),
        ess,
        influence,
        least=WIDE,
        needs=OWN_PASS,
    )
]
