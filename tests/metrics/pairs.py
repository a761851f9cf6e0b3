"""Builds what two-layer metrics look at from whole arrays, as measuring does from a pass."""

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.cross_moments import CrossMoments, slopes_between
from embstore.geometry.moments import Moments
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.geometry.pair_loops import compare_rows
from embstore.measuring.layer_distances import LayerDistances
from embstore.metrics.clusters import Clusters
from embstore.metrics.metric import evaluate
from embstore.metrics.of_two_layers.neighbor_overlap import OVERLAP_NEIGHBORS, overlap
from embstore.metrics.registry import PAIR_METRICS
from embstore.metrics.two_layers import Core, Pair, Steps
from embstore.types import LayerKey

N, D = 400, 12


def two_layers(
    seed: int = 0, noise: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A layer and one that adds a linear and a random part to it, (400, 12) each."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) * rng.uniform(0.2, 3, size=D) + 5.0
    return X, X + X @ rng.normal(size=(D, D)) * 0.2 + noise * rng.normal(size=(N, D)) - 3.0


def pair_of(
    X: NDArray[np.floating], Y: NDArray[np.floating], windows: NDArray[np.int64] | None = None
) -> Pair:
    """Two layers of the same tokens, (n, d) each; a token is its own window unless told.

    Tokens that are duplicates in one layer are so in the other.
    """
    n = len(X)
    windows = np.arange(n) if windows is None else windows
    cross = CrossMoments.empty(X.shape[1], Y.shape[1], slopes_between(X, Y, np.arange(n)))
    cross.add(X, Y)
    ratios, cosines = np.empty(n), np.empty(n)
    compare_rows(X, Y, np.arange(n), ratios, cosines)
    found = [nearest_neighbors(Z, OVERLAP_NEIGHBORS) for Z in (X, Y)]
    listed = [neighbors.indices[:, :OVERLAP_NEIGHBORS] for neighbors in found]
    np.testing.assert_array_equal(found[0].first, found[1].first)
    clusters = Clusters.of(windows)
    spreads = []
    for Z in (X, Y):
        centred = Z - Z.mean(axis=0)
        spreads.append(clusters.sums(((centred @ np.cov(Z.T)) * centred).sum(axis=1)))
    distances = LayerDistances([LayerKey("encoder", layer, "block") for layer in (0, 1)], ("all",))
    distances.add_rows([X, Y], windows)
    core = Core("whole", Moments.of(X), Moments.of(Y), cross, X, Y)
    return Pair(
        core=core,
        added=None,
        x=core.x,
        y=core.y,
        cross=cross,
        clusters=clusters,
        spread_x=spreads[0],
        spread_y=spreads[1],
        overlap=overlap(listed[0], listed[1], Clusters.of(windows[found[0].first])),
        steps=Steps(
            *(ratios, cosines, float(np.nanmean(ratios)), float(np.nanmean(cosines))),
            *(int(np.isfinite(found).sum()) for found in (ratios, cosines)),
        ),
        distance=distances.of("all")[0],
    )


def numbers_of_pair(
    X: NDArray[np.floating], Y: NDArray[np.floating], *, windows: NDArray[np.int64] | None = None
) -> dict[str, float]:
    """Every two-layer metric."""
    pair, numbers = pair_of(X, Y, windows), {}
    for name, metric in PAIR_METRICS.items():
        value = evaluate(metric, pair)
        assert value.value is not None, f"{name}: {value.reason}"
        numbers[name] = value.value
    return numbers
