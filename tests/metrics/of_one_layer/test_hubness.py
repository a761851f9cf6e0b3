"""Hubness against lists counted by hand, SciPy's skewness, and what it is known to do."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import skew

from embstore.metrics.metric import MetricValue, evaluate
from embstore.metrics.registry import METRICS
from tests import manifolds
from tests.metrics.clouds import cloud_of


def found(X: np.ndarray) -> MetricValue:
    return evaluate(METRICS["hubness"], cloud_of(X))


@pytest.mark.parametrize("d", [3, 40])
def test_it_is_the_skewness_of_the_k_occurrence(d: int) -> None:
    X = manifolds.gaussian(500, d, 50)
    apart = cdist(X, X)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :10]
    counts = np.bincount(nearest.ravel(), minlength=500)
    # The same whole numbers, summed in another order.
    assert found(X).value == pytest.approx(skew(counts), rel=1e-12)


def test_it_grows_with_the_dimension_and_is_small_in_few() -> None:
    """Figure 1 of Radovanović et al. 2010: none at d = 3, clear at 20, strong at 100."""
    values = [found(manifolds.gaussian(2000, d, 100)).value or np.nan for d in (3, 20, 100)]
    assert abs(values[0]) < 0.5
    assert 1 < values[1] < values[2]


def test_a_hub_is_seen() -> None:
    """Points on a sphere, and its centre, which is nearer to all than they are to each other."""
    X = np.random.default_rng(0).normal(size=(200, 100))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    with_hub = np.concatenate([X, np.zeros((1, 100))])
    value, before = found(with_hub).value, found(X).value
    assert value is not None
    assert before is not None
    # One count of 200 among 201 whose others are about 10: near the largest skewness, √n.
    assert 10 < value < np.sqrt(201)
    assert before < 3


def test_points_that_are_all_neighbours_equally_often_have_none() -> None:
    angles = 2 * np.pi * np.arange(11) / 11
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert found(ring).reason == "all points are neighbours equally often"
    few = found(ring[:10])
    assert few.reason == "10 distinct points in the sample, at least 11 needed"
