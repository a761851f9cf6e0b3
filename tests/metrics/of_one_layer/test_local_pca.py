"""Local PCA against scikit-dimension, neighbourhood by neighbourhood, and flat spaces."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from embstore.metrics.metric import MetricValue, evaluate
from embstore.metrics.registry import METRICS
from tests import manifolds
from tests.metrics.clouds import cloud_of
from tests.metrics.peers import skdim


def found(X: NDArray[np.floating]) -> MetricValue:
    return evaluate(METRICS["local_pca"], cloud_of(X))


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_it_equals_scikit_dimension(shift: float) -> None:
    spread = np.arange(1, 41) ** -0.5
    X = np.random.default_rng(0).normal(size=(150, 40)) * spread + shift
    apart = cdist(X, X)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :64]
    counts = [skdim.id.lPCA().fit(X[near]).dimension_ for near in nearest]
    # Counts: no eigenvalue lies within rounding of the threshold.
    assert found(X).value == np.mean(counts)
    assert len(set(counts)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 2, 5, 10])
def test_a_flat_space_has_its_dimension(d: int) -> None:
    # At the border of a cloud a neighbourhood is narrower across it than along it.
    assert found(manifolds.gaussian(1500, d, 30)).value == pytest.approx(d, rel=0.001)


def test_of_few_neighbours_only_so_many_directions_can_be_seen() -> None:
    """Round clouds of 200 dimensions: 64 neighbours about their mean span 63."""
    assert found(np.random.default_rng(0).normal(size=(300, 200))).value == 63


def test_with_too_few_points_it_says_so() -> None:
    few = found(np.random.default_rng(0).normal(size=(64, 5)))
    assert few.value is None
    assert few.reason == "64 distinct points in the sample, at least 65 needed"


@pytest.mark.parametrize("name", ["local_pca", "ess"])
def test_neighbours_of_a_point_far_from_all_can_be_told_apart(name: str) -> None:
    """Though from there they all look like one: 1e20 away, where float64 rounds to thousands."""
    X = manifolds.gaussian(400, 5, 5)
    far = np.full((1, 5), 1e20)
    value = evaluate(METRICS[name], cloud_of(np.concatenate([X, far]))).value
    assert value == pytest.approx(evaluate(METRICS[name], cloud_of(X)).value, rel=0.01)
