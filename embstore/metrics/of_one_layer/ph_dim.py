"""Persistent homology dimension: how the shortest tree grows with the number of points."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.row_loops import lengths
from embstore.geometry.spanning_trees import tree_length
from embstore.metrics.families.dimension import OWN_PASS, estimate
from embstore.metrics.metric import Description
from embstore.metrics.one_layer import Cloud
from embstore.types import FloatArray

# Trees of n, n/2, n/4 and n/8 points.
_PARTS = (1, 2, 4, 8)
# The largest has at most so many points: their distances take 32 MiB.
_MOST = 2048
# The smallest has at least as many as the smallest of Tulchinskii et al.
_LEAST = 40
LEAST_POINTS = _LEAST * _PARTS[-1]
# Sets of points in which trees are built, at least.
_REPEATS = 4


def ph_dim(totals: FloatArray) -> float:
    """Return the dimension in which trees grow as these do: 1/(1 − slope).

    The slope is that of ln(length) on ln(number of points), by least squares: in d dimensions a
    minimum spanning tree of n points is about n^((d − 1)/d) long.

    Args:
        totals: mean length of the trees of n, n/2, n/4 and n/8 points, (4,).

    Returns:
        A positive number; NaN where the length grows as fast as the number of points or faster.

    Birdal et al. 2021, arXiv 2111.13171; the law: Steele 1988, doi 10.1214/aop/1176991596.

    >>> round(ph_dim(np.array([16.0, 8.0, 4.0, 2.0]) ** 0.5), 6)  # as in a plane
    2.0
    """
    x = -np.log(_PARTS)
    x -= x.mean()
    slope = float(x @ np.log(totals)) / float(x @ x)
    return 1.0 / (1.0 - slope) if slope < 1 else float("nan")


def tree_lengths(
    points: NDArray[np.floating], distances_of: Callable[[NDArray[np.int64]], FloatArray]
) -> FloatArray:
    """Build minimum spanning trees in the distinct points of a sample, and in parts of them.

    Sets of up to 2,048 points are drawn by seed, at least four; each is dealt into halves,
    quarters and eighths, so that at every size each of its points is in one tree. Points are
    drawn by how near the mean they are, so that the same are drawn in whatever order they come,
    turned or moved.

    Args:
        points: distinct, at least 320, (n, d).
        distances_of: gives the distances of all pairs of some of them, (k, k).

    Returns:
        The mean length of a tree of each size, (4,).
    """
    n = len(points)
    at_once = distances_of(np.arange(n)) if n < _MOST + _PARTS[-1] else None
    sets = list(_sets(points))
    totals = np.zeros(len(_PARTS))
    for chosen in sets:
        if at_once is None:
            distances, members = distances_of(chosen), np.arange(len(chosen))
        else:
            distances, members = at_once, chosen
        for size, parts in enumerate(_PARTS):
            trees = [tree_length(distances, part) for part in members.reshape(parts, -1)]
            totals[size] += np.mean(trees)
    return totals / len(sets)


def _sets(points: NDArray[np.floating]) -> Iterator[NDArray[np.int64]]:
    """Yield sets of points, of as many each as parts can be equal, in random order."""
    n = len(points)
    size = min(n, _MOST) // _PARTS[-1] * _PARTS[-1]
    away = points.astype(np.float64)
    away -= away.mean(axis=0)
    ranked = np.argsort(lengths(away), kind="stable")
    rng = np.random.default_rng(0)
    each = n // size
    wanted = max(_REPEATS, each)
    for start in range(0, wanted, each):
        order = ranked[rng.permutation(n)]
        for i in range(min(each, wanted - start)):
            yield order[i * size : (i + 1) * size]


def _number(cloud: Cloud) -> float:
    rows = cloud.graph.rows
    if len(rows) < LEAST_POINTS:
        return float("nan")

    def distances_of(chosen: NDArray[np.int64]) -> FloatArray:
        return cloud.of_sample(lambda kept, X: kept.pair_distances(X, rows[chosen]))

    return ph_dim(tree_lengths(cloud.sample[rows], distances_of))


def _why_undefined(_cloud: Cloud, n: int) -> str:
    if n < LEAST_POINTS:
        return f"{n} distinct points in the sample, at least {LEAST_POINTS} needed"
    return "trees grow as fast as the number of points"


METRICS = [
    estimate(
        Description(
            name="ph_dim",
            title="Persistent homology dimension",
            symbol="d_PH₀",
            formula="1/(1 − slope of ln L on ln m), L the length of the minimum spanning tree of m "
            "tokens, m = n, n/2, n/4, n/8",
            bounds=("0", "inf"),
            unit="dimensions",
            citation="Birdal et al. 2021, arXiv 2111.13171; Tulchinskii et al. 2023, "
            "arXiv 2306.04723",
            unchanged_by=("shift", "rotation", "duplication"),
            notes="""
            The total length of the 0-dimensional barcode is that of the minimum spanning tree, so
            no topology is computed. In sets of up to 2,048 tokens, drawn by seed, at least four:
            one tree of the whole, and trees of its halves, quarters and eighths; needs 320 tokens.
            The papers draw other sizes, so it is rise and fall that compare. It falls short as
            `twonn` does, but in hundreds of dimensions the slope is so near 1 that a number of
            thousands means no more than "many". Long edges count by their length, so a few tokens
            far from all others decide it: 16 sinks among 512 tokens that read 15.3 alone make it
            3.4. It costs all distances of each set, about as much as a search for neighbours. It
            has no interval: what a token's own edges say varies several times as much as the trees.
            """,
        ),
        _number,
        None,
        why=_why_undefined,
        needs=OWN_PASS,
    )
]
