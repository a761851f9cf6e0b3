"""Builds what metrics look at from arrays, as measuring does from a pass."""

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.moments import Moments
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.measuring.graphs import graph_of
from embstore.measuring.within_windows import WithinWindows
from embstore.metrics.clusters import Clusters
from embstore.metrics.metric import MetricValue, evaluate
from embstore.metrics.one_layer import NO_GRAPH, Cloud
from embstore.metrics.registry import METRICS, N_NEIGHBORS
from embstore.metrics.selection import PRESETS, Selection
from embstore.types import LayerKey

_KEY = LayerKey("encoder", 0, "block")


def cloud_of(
    X: NDArray[np.floating],
    windows: NDArray[np.int64] | None = None,
    selection: Selection | None = None,
) -> Cloud:
    """Every row counts and is in the sample; each is its own window unless told.

    Numbers of a window alone are then those of thirty rows after each other. What the selection
    does not take is not there; None takes all.
    """
    selection = selection or Selection()
    together = np.arange(len(X)) // 30 if windows is None else windows
    windows = np.arange(len(X)) if windows is None else windows
    graph = NO_GRAPH
    if selection.needs("neighbors"):
        graph = graph_of(nearest_neighbors(X, N_NEIGHBORS), windows)
    clusters = Clusters.of(windows)
    within = WithinWindows(("all",), selection)
    within.add_rows(_KEY, X, together)
    return Cloud(
        *(Moments.of(X), X, clusters, graph, X, clusters), by_window=within.of(_KEY, "all")
    )


# Their tokens are multiplied in float32, of which sums in another order differ.
SINGLE = {"participation_ratio_corrected"}

# Those that vectors have without the model they are of.
OF_VECTORS = {name: METRICS[name] for name in PRESETS["all"] if name in METRICS}

# What looks at wider neighbourhoods than the others, or at ever smaller parts.
LEAST_POINTS = {"ess": 65, "local_pca": 65, "ph_dim": 320}


def values_of(
    X: NDArray[np.floating], windows: NDArray[np.int64] | None = None
) -> dict[str, MetricValue]:
    cloud = cloud_of(X, windows)
    return {name: evaluate(metric, cloud) for name, metric in OF_VECTORS.items()}


def number_of(
    X: NDArray[np.floating], name: str, windows: NDArray[np.int64] | None = None
) -> float:
    """Compute one metric, without what others take."""
    found = evaluate(OF_VECTORS[name], cloud_of(X, windows, Selection((name,))))
    assert found.value is not None, f"{name}: {found.reason}"
    return found.value


def numbers_of(
    X: NDArray[np.floating], windows: NDArray[np.int64] | None = None
) -> dict[str, float]:
    """Every metric, but slopes of few dimensions, and what needs more points or longer windows."""
    numbers = {}
    for name, value in values_of(X, windows).items():
        if value.n < LEAST_POINTS.get(name, 0):
            assert value.value is None
            assert value.reason is not None
            assert f"at least {LEAST_POINTS[name]} needed" in value.reason
            continue
        if name == "window_twonn_ml" and value.value is None:
            assert value.reason is not None
            assert value.reason.startswith("no window has 20 distinct vectors")
            continue
        if name in {"spectral_slope", "alpha_req"} and min(len(X) - 1, X.shape[1]) < 20:
            assert value.value is None
            continue
        assert value.value is not None, f"{name}: {value.reason}"
        numbers[name] = value.value
    return numbers
