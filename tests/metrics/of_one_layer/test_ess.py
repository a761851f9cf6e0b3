"""Expected simplex skewness against scikit-dimension, random directions, and flat spaces."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from embstore.metrics.metric import MetricValue, evaluate
from embstore.metrics.of_one_layer.ess import (
    dimension_of,
    expected_skewness,
    local,
    simplex_skewness,
)
from embstore.metrics.registry import METRICS
from tests import manifolds
from tests.metrics.clouds import cloud_of
from tests.metrics.peers import skdim


def found(X: NDArray[np.floating]) -> MetricValue:
    return evaluate(METRICS["ess"], cloud_of(X))


@pytest.mark.parametrize("d", [2, 6, 30])
def test_it_equals_scikit_dimension(d: int) -> None:
    X = manifolds.gaussian(66, d, 40)
    apart = cdist(X, X)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :64]
    # Of 64 neighbours it takes all pairs.
    expected = [skdim.id.ESS(random_state=0).fit_once(X[near]).dimension_ for near in nearest[:8]]
    np.testing.assert_allclose(local(cloud_of(X))[0][:8], expected, rtol=1e-9)


@pytest.mark.parametrize("m", [2, 3, 10, 50])
def test_the_expected_skewness_is_that_of_random_directions(m: int) -> None:
    u, v = np.random.default_rng(m).normal(size=(2, 100_000, m))
    cosines = (u * v).sum(axis=1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
    sines = np.sqrt(1 - cosines**2)
    (expected,) = expected_skewness(np.array([m]))
    # Five standard errors.
    assert sines.mean() == pytest.approx(expected, abs=5 * sines.std() / np.sqrt(100_000))


def test_the_dimension_is_found_again() -> None:
    dimensions = np.array([1.0, 2.0, 7.0, 64.0, 1000.0])
    np.testing.assert_allclose(dimension_of(expected_skewness(dimensions))[0], dimensions, 1e-6)
    # Half way between two of them, as fast as it grows there.
    (low, high) = expected_skewness(np.array([3.0, 4.0]))
    middle, slope = dimension_of(np.array([(low + high) / 2]))
    assert middle[0] == pytest.approx(3.5)
    assert slope[0] == pytest.approx(1 / (high - low))


@pytest.mark.parametrize("d", [1, 2, 5, 10, 50])
def test_a_flat_space_has_its_dimension(d: int) -> None:
    # Borders make neighbourhoods flatter across them.
    assert found(manifolds.gaussian(2000, d, 60)).value == pytest.approx(d, rel=0.03)


def test_with_too_few_points_it_says_so() -> None:
    few = found(np.random.default_rng(0).normal(size=(64, 5)))
    assert few.value is None
    assert few.reason == "64 distinct points in the sample, at least 65 needed"


def test_a_neighbour_moves_it_as_its_removal_does() -> None:
    X = np.random.default_rng(0).normal(size=(1, 64, 6))

    def skewness(Y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return simplex_skewness(Y @ Y.transpose(0, 2, 1))

    value, effects = skewness(X)
    removed = [value[0] - skewness(np.delete(X, j, axis=1))[0][0] for j in range(64)]
    slope, _ = np.polyfit(effects[0], removed, 1)
    # To first order in 1/k; the mean moves, too.
    assert np.corrcoef(effects[0], removed)[0, 1] > 0.95
    assert slope == pytest.approx(1.0, rel=0.1)
    assert effects.sum() == pytest.approx(0, abs=1e-12)
