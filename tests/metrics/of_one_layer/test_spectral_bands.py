"""Spectral bands against scikit-learn's shares of variance, closed forms and added windows."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from embstore.geometry.moments import Moments
from embstore.metrics.clusters import Clusters
from embstore.metrics.metric import evaluate
from embstore.metrics.of_one_layer.spectral_bands import band, gradient
from embstore.metrics.one_layer import NO_GRAPH, Cloud
from embstore.metrics.registry import METRICS
from tests.metrics.clouds import cloud_of, numbers_of
from tests.metrics.test_uncertainty import WINDOWS, draw, error_by_adding_windows

BANDS = ("anisotropy", "band_2_10", "band_11_100", "band_above_100")


@pytest.fixture(scope="module")
def wide() -> NDArray[np.float64]:
    """Windows of tokens in more than 100 dimensions, (640, 128)."""
    return draw(np.random.default_rng(3), d=128)


def test_they_are_sums_of_explained_variance(wide: NDArray[np.float64]) -> None:
    explained = PCA().fit(wide).explained_variance_ratio_
    numbers = numbers_of(wide)
    for name, part in zip(BANDS, np.split(explained, [1, 10, 100]), strict=True):
        assert numbers[name] == pytest.approx(part.sum(), rel=1e-9)


def test_with_anisotropy_they_add_up_to_all_of_it(stretched: NDArray[np.float64]) -> None:
    numbers = numbers_of(stretched)
    assert sum(numbers[name] for name in BANDS) == pytest.approx(1, rel=1e-12)
    # 30 dimensions have no tail.
    assert numbers["band_above_100"] == 0


def test_of_a_round_cloud_a_band_is_its_share_of_the_directions() -> None:
    even = np.full(200, 3.0)
    assert band(even, 2, 10) == pytest.approx(9 / 200)
    assert band(even, 11, 100) == pytest.approx(90 / 200)
    assert band(even, 101, None) == pytest.approx(100 / 200)
    assert np.isnan(band(np.zeros(3), 2, 10))


def test_the_gradient_is_that_of_finite_differences() -> None:
    values = np.sort(np.random.default_rng(0).exponential(size=150))[::-1]
    step = 1e-6
    for first, last in ((2, 10), (11, 100), (101, None)):
        ahead = [band(values + step * np.eye(150)[i], first, last) for i in range(150)]
        behind = [band(values - step * np.eye(150)[i], first, last) for i in range(150)]
        slopes = (np.array(ahead) - behind) / (2 * step)
        # Differences of numbers near 1 over 2e-6: ten digits.
        np.testing.assert_allclose(gradient(values, first, last), slopes, atol=1e-9)


@pytest.mark.parametrize("name", BANDS)
def test_the_error_in_many_dimensions_is_that_of_adding_windows(
    wide: NDArray[np.float64], name: str
) -> None:
    cloud = cloud_of(wide, WINDOWS)
    interval = evaluate(METRICS[name], cloud).interval
    assert interval is not None
    # A window is a 50 · 16th of the whole, so curvature adds a thousandth.
    expected = error_by_adding_windows(cloud, METRICS[name].compute)
    assert interval.std_error == pytest.approx(expected, rel=0.01)


@pytest.mark.slow
def test_intervals_in_many_dimensions_hold_the_mean_as_often_as_they_say() -> None:
    found = []
    clusters = Clusters.of(WINDOWS)
    for seed in range(200):
        X = draw(np.random.default_rng(seed), d=128)
        cloud = Cloud(Moments.of(X), X, clusters, NO_GRAPH, X, clusters)
        found.append([evaluate(METRICS[name], cloud) for name in BANDS])
    for column in zip(*found, strict=True):
        mean = np.mean([one.value for one in column])
        held = [one.interval.low <= mean <= one.interval.high for one in column if one.interval]
        # 200 samples tell a coverage of .95 to .015.
        assert len(held) == 200
        assert 0.90 <= np.mean(held) <= 0.99
