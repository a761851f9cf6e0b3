"""Where a few far points decide an estimate of dimension, it has no interval."""

import numpy as np
import pytest

from embstore.measuring.evaluate import curve_point
from embstore.metrics.far_points import decide, far_points
from embstore.metrics.gride import GRIDE_RANKS
from embstore.metrics.metric import evaluate
from embstore.metrics.one_layer import Cloud
from embstore.metrics.registry import METRICS
from embstore.types import LayerKey
from tests.metrics.clouds import cloud_of

N_WINDOWS, WINDOW, D = 16, 64, 24
WINDOWS = np.repeat(np.arange(N_WINDOWS), WINDOW)
BEYOND_FAR_POINTS = {"twonn", "twonn_ml", "twonn_low20", "lid_p05", "lid_p50", "corrint"}
MOVED = {"mle", "mom", "mada"}


def cloud_with(n_far: int, *, apart: float = 5.0) -> Cloud:
    """Ordinary tokens, and the first of some windows far away along one axis."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(len(WINDOWS), D))
    first = np.arange(n_far) * WINDOW
    X[first] *= 0.1
    X[first, 2] = 300.0 + apart * rng.normal(size=n_far)
    return cloud_of(X, WINDOWS)


def without_interval(cloud: Cloud) -> set[str]:
    names = MOVED | BEYOND_FAR_POINTS
    found = {name: evaluate(METRICS[name], cloud) for name in names}
    assert all(value.value is not None for value in found.values())
    return {name for name, value in found.items() if value.interval is None}


def test_far_points_are_those_far_from_all_but_a_few() -> None:
    distances = cloud_with(5).graph.distances
    assert np.flatnonzero(far_points(distances)).tolist() == [i * WINDOW for i in range(5)]
    assert not far_points(cloud_with(0).graph.distances).any()


@pytest.mark.parametrize("n_far", [4, 8, 16])
def test_what_they_move_has_no_interval_and_the_rest_has(n_far: int) -> None:
    cloud = cloud_with(n_far)
    assert without_interval(cloud) == MOVED
    key = LayerKey("decoder", 1, "block")
    points = [curve_point(key, "all", cloud.graph, rank) for rank in GRIDE_RANKS]
    assert all(point.dimension and point.std_error is None for point in points)


def test_without_them_everything_has() -> None:
    assert without_interval(cloud_with(0)) == set()


def test_a_single_one_moves_no_ratio() -> None:
    """All are equally far from it; an estimate that averages dimensions it does move."""
    cloud = cloud_with(1)
    assert without_interval(cloud) == {"mada"}
    point = curve_point(LayerKey("decoder", 1, "block"), "all", cloud.graph, 4)
    assert point.std_error is not None


def test_what_may_move_an_estimate_counts_as_what_does() -> None:
    """Five far points, an estimate from r_8/r_4: with a sixth its r_4 would be among them."""
    cloud = cloud_with(4)
    x = np.log(cloud.graph.distances[:, 7] / cloud.graph.distances[:, 3])
    far = far_points(cloud.graph.distances)
    # With four far points both radii reach the others, and the ratio tells nothing.
    assert x[far].max() < x[~far].mean()
    value = 1 / x.mean()
    influence = -(value**2) * x
    error = 0.02 * value
    assert abs((influence[far] - influence.mean()).sum()) / len(x) < error
    assert decide(cloud.graph.distances, influence, value, error)
