"""TLE against scikit-dimension, whose code is the authors', and manifolds of known dimension."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.metric import MetricValue, evaluate
from embstore.metrics.of_one_layer.tle import local, tight_local
from embstore.metrics.registry import METRICS
from tests import manifolds
from tests.metrics.clouds import cloud_of
from tests.metrics.peers import skdim


def found(X: NDArray[np.floating]) -> MetricValue:
    return evaluate(METRICS["tle"], cloud_of(X))


@pytest.mark.parametrize("d", [2, 8, 30])
def test_it_equals_scikit_dimension(d: int) -> None:
    X = manifolds.gaussian(500, d, 40)
    # The peer divides by zero where a neighbour is as far as the last, and then knows it.
    with np.errstate(invalid="ignore", divide="ignore"):
        peer = skdim.id.TLE().fit(X, n_neighbors=20)
    cloud = cloud_of(X)
    # The peer subtracts what is nearly equal where a neighbour is almost as far as the last.
    np.testing.assert_allclose(local(cloud)[0], peer.dimension_pw_, rtol=1e-6)
    assert METRICS["tle"].compute(cloud) == pytest.approx(peer.dimension_, rel=1e-8)


def test_a_neighbour_whose_reflection_is_another_is_left_out_as_by_the_peer() -> None:
    line = np.outer(np.arange(100.0), [1.0, 2.0]) / 10
    with np.errstate(invalid="ignore", divide="ignore"):
        peer = skdim.id.TLE().fit(line, n_neighbors=20).dimension_pw_
    found_here = local(cloud_of(line))[0]
    assert found_here[50] == pytest.approx(peer[50], rel=1e-9)
    # Near the ends the peer divides rounding by rounding for neighbours as far as the last.
    np.testing.assert_allclose(found_here, peer, rtol=0.01)


@pytest.mark.parametrize(("d", "rel"), [(1, 0.08), (2, 0.08), (5, 0.05), (10, 0.1)])
def test_a_ball_has_its_dimension(d: int, rel: float) -> None:
    # Means of inverse averages are too large in few dimensions, borders pull down in many.
    assert found(manifolds.ball(3000, d, 25)).value == pytest.approx(d, rel=rel)


def test_points_all_equally_far_have_none() -> None:
    assert found(np.eye(40)).reason == "neighbours lie at equal distances"
    few = found(np.eye(20))
    assert few.reason == "20 distinct points in the sample, at least 21 needed"


def test_what_is_smaller_than_the_unit_of_the_data_counts_as_well() -> None:
    """The authors leave out measurements below 1e-4, here of the radius, there of the data."""
    X = manifolds.gaussian(400, 5, 20)
    assert found(X * 1e-7).value == pytest.approx(found(X).value, rel=1e-9)


def test_a_neighbour_moves_it_as_its_removal_does() -> None:
    """Of all but the last, which is the radius."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1, 20, 6))
    X = X[:, np.argsort(np.linalg.norm(X[0], axis=1))]

    def estimate(Y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        distances = np.linalg.norm(Y, axis=2)
        unit = distances[:, -1:, np.newaxis] ** 2
        one, other = Y[:, :, np.newaxis], Y[:, np.newaxis]
        apart, opposite = (np.square(Z).sum(axis=3) / unit for Z in (one - other, one + other))
        return tight_local(distances, apart, opposite)

    value, effects = estimate(X)
    removed = [value[0] - estimate(np.delete(X, j, axis=1))[0][0] for j in range(19)]
    slope, _ = np.polyfit(effects[0, :19], removed, 1)
    # To first order in 1/k, of 20 neighbours.
    assert np.corrcoef(effects[0, :19], removed)[0, 1] > 0.99
    assert slope == pytest.approx(1.0, rel=0.2)
