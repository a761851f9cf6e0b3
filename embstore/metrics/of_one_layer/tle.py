"""TLE: the dimension around each token from all distances within its neighbourhood."""

import numpy as np

from embstore.geometry.neighbors.ties import rounding_of
from embstore.metrics.families.dimension import OWN_PASS, estimate
from embstore.metrics.local_shapes import shapes
from embstore.metrics.metric import Description
from embstore.metrics.neighbor_ratios import NEIGHBORS, mean_of_untied
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray

# Measurements below this share of the radius are left out. The authors' code leaves out those
# below as much in the unit of the data.
_LEAST = 1e-4


def tight_local(
    distances: FloatArray, apart: FloatArray, opposite: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Estimate the dimension around points from all distances among their neighbours.

    Each pair (v, w) of neighbours says how far w is from v, and from the reflection of v about the
    centre, were the ball around the centre moved so that it is one around v inside the first:
    distances s and t that grow up to the radius r. The estimate is that of maximum likelihood
    from s, t and, twice, the distances to the centre: −1/mean ln(·/r).

    Args:
        distances: of the neighbours from their centre, ascending, (b, k).
        apart: squared distances among the neighbours, in units of the squared radius, (b, k, k).
        opposite: those of the neighbours from the reflections of each other, likewise.

    Returns:
        One estimate per centre, (b,), infinite where all k neighbours are equally far; and how
        much each neighbour moves it by being there, (b, k).

    Amsaleg et al. 2019, doi 10.1137/1.9781611975673.21.
    """
    n, k = distances.shape
    r = distances[:, -1:]
    squares = np.square(distances / r)
    diagonal = np.eye(k, dtype=np.bool_)
    s = np.where(diagonal, 1.0, _within_ball(squares, apart))
    t = np.where(diagonal, 1.0, _within_ball(squares, opposite))
    used = (s >= _LEAST) & (t >= _LEAST)
    pairs = np.log(np.where(used, s, 1.0)) + np.log(np.where(used, t, 1.0))
    near = np.sqrt(squares)
    central = np.log(np.where(near >= _LEAST, near, 1.0))
    total = pairs.sum(axis=(1, 2)) + 2 * central.sum(axis=1)
    count = 2.0 * (used.sum(axis=(1, 2)) - (near < _LEAST).sum(axis=1))
    tied = distances[:, 0] == distances[:, -1]
    found = np.full(n, np.inf)
    np.divide(-count, total, out=found, where=~tied)
    each = pairs.sum(axis=1) + pairs.sum(axis=2) + 2 * central
    each -= each.mean(axis=1, keepdims=True)
    slope = np.where(tied, 0.0, found) ** 2 / count
    return found, each * slope[:, np.newaxis]


def _within_ball(squares: FloatArray, apart: FloatArray) -> FloatArray:
    """Return for each v and w the radius of the ball around v's side that w is on, in (0, 1].

    It is the root s of s²(1 − |v|²) + s(|v|² + apart − |w|²) = apart, for a unit ball.

    Args:
        squares: |v|² of the neighbours, at most 1, (b, k).
        apart: squared distances from v to w, (b, k, k).
    """
    first, second = squares[:, :, np.newaxis], squares[:, np.newaxis]
    half = first + apart - second
    room = np.maximum(1.0 - first, 0.0)
    root = np.sqrt(np.square(half) + 4 * apart * room)
    # Two ways to write it, of which one subtracts what is nearly equal.
    ahead = half >= 0
    top = np.where(ahead, 2 * apart, root - half)
    bottom = np.where(ahead, root + half, 2 * room)
    found = np.zeros_like(apart)
    np.divide(top, bottom, out=found, where=bottom > 0)
    return found


def local(cloud: Cloud) -> tuple[FloatArray, FloatArray]:
    """Estimate the dimension around each distinct point of a sample.

    Returns:
        The dimensions, (n,), and how much each neighbour moves them by being there, (n, k).
    """
    graph = cloud.graph
    distances = graph.distances[:, :NEIGHBORS]
    r = distances[:, -1]
    # What two vectors are apart, or one from the reflection of another, by rounding alone.
    error = 2 * rounding_of(cloud.sample) * (2 * cloud.sample_norms[graph.rows] + r)
    least = np.square(error / r)[:, np.newaxis, np.newaxis]

    def look(products: FloatArray, part: slice) -> tuple[FloatArray, FloatArray]:
        own = np.einsum("bjj->bj", products)
        both = own[:, :, np.newaxis] + own[:, np.newaxis]
        # In units of the squared radius.
        squares = [(both + sign * 2 * products) / own[:, -1:, np.newaxis] for sign in (-1, 1)]
        apart, opposite = (np.where(found > least[part], found, 0.0) for found in squares)
        return tight_local(distances[part], apart, opposite)

    found, effects = shapes(cloud, NEIGHBORS, look, seen_from="point")
    return found, effects


def tle(cloud: Cloud) -> float:
    """Return the mean of the dimensions around the distinct points of a sample.

    NaN with fewer than 20 neighbours, or where those of more than a tenth of the points are all
    equally far. Fewer such points are left out.
    """
    if cloud.graph.indices.shape[1] < NEIGHBORS:
        return float("nan")
    return mean_of_untied(cloud.once(local)[0])


def influence(cloud: Cloud, value: float) -> FloatArray:
    """Of the mean over points, (n,): by what is around each, and as the neighbour of others.

    Points left out do not move it.
    """
    found, effects = cloud.once(local)
    return np.where(np.isinf(found), value, found) + cloud.graph.on_neighbors(effects)


METRICS = [
    estimate(
        Description(
            name="tle",
            title="Intrinsic dimension (tight localities)",
            symbol="d_tle",
            formula="mean over tokens of −1/mean ln(·/r_k) over the distances to, and within the "
            "ball around a token among, its k = 20 neighbours and their reflections",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Amsaleg et al. 2019, doi 10.1137/1.9781611975673.21",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            Uses all distances among the 20 neighbours where `mle` uses those to the token alone,
            so it is the steadier of the two. The authors' variant with central measurements,
            averaged over tokens; measurements below 1e-4 of the radius are left out, which the
            authors' code does below 1e-4 in the unit of the data.
            """,
        ),
        tle,
        influence,
        robust=False,
        needs=OWN_PASS,
    )
]
