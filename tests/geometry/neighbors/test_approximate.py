"""pynndescent's neighbours, and how many it finds, against brute force."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.neighbors.approximate import approximate_candidates, measured_recall
from embstore.geometry.neighbors.search import Neighbors, count_within, nearest_neighbors, restrict
from tests.geometry.neighbors.test_search import brute_force, noise

# Compiling pynndescent takes half a minute, whatever is searched.
pytestmark = pytest.mark.slow

K = 20


@pytest.fixture(scope="module")
def surface() -> NDArray[np.float32]:
    """A curved surface of dimension 8, a few points on it twice, and near duplicates."""
    rng = np.random.default_rng(0)
    points = np.tanh(noise(3000, 8) @ rng.normal(size=(8, 64))).astype(np.float32)
    points[10:13] = points[:3]
    points[20] = points[21] + np.float32(1e-4)
    return points


@pytest.fixture(scope="module")
def found(surface: NDArray[np.float32]) -> Neighbors:
    return nearest_neighbors(surface, K, method="pynndescent", seed=1)


@pytest.fixture(scope="module")
def true(found: Neighbors) -> NDArray[np.float64]:
    return brute_force(found.points, K)


def test_nearly_all_neighbors_are_found(found: Neighbors, true: NDArray[np.float64]) -> None:
    assert found.method == "pynndescent"
    assert found.distances.shape == (2997, K + 12)
    # Their order of summation differs in the last digits.
    share = (found.distances[:, :K] <= true[:, -1:] * (1 + 1e-12)).mean()
    assert share > 0.99
    # A share of 256 x 20 draws: its standard error is 0.0014 at 0.99.
    assert found.recall == pytest.approx(share, abs=0.005)


def test_distances_are_those_of_the_points_given(found: Neighbors) -> None:
    i = 20
    to = found.points[found.indices[i]].astype(np.float64)
    expected = np.linalg.norm(to - found.points[i].astype(np.float64), axis=1)
    # Float64 differences on both sides.
    np.testing.assert_allclose(found.distances[i], expected, rtol=1e-13)
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_no_point_is_its_own_neighbor(found: Neighbors) -> None:
    n = len(found.points)
    assert not (found.indices == np.arange(n)[:, None]).any()
    assert all(len(set(row)) == len(row) for row in found.indices.tolist())
    assert (found.distances > 0).all()


def test_a_seed_gives_the_same_neighbors_again(found: Neighbors) -> None:
    again = approximate_candidates(found.points, K + 12, seed=1)
    np.testing.assert_array_equal(np.sort(again, axis=1), np.sort(found.indices, axis=1))


def test_restricted_and_counted_as_exact_ones_are(
    surface: NDArray[np.float32], found: Neighbors
) -> None:
    keep = np.arange(len(surface)) % 7 > 0
    restricted = restrict(found, keep, K)
    assert (restricted.method, restricted.recall) == ("pynndescent", found.recall)
    exact = restrict(nearest_neighbors(surface, K), keep, K)
    # As many are missed as before, and no distance is wrong by more than a rank or two.
    assert (restricted.distances == exact.distances).mean() > 0.99
    member = np.ones((1, len(found.points)), dtype=bool)
    radii = np.median(found.distances[:, [9]], axis=0)[None]
    counts = count_within(found, radii, member)
    every = count_within(nearest_neighbors(surface, K), radii, member)
    assert counts.mean() == pytest.approx(every.mean(), rel=0.01)


def test_few_points_are_all_in_each_others_lists() -> None:
    # The search itself gives up on some rows when it is to return nearly every point.
    points = noise(80, 8)
    found = approximate_candidates(points, 70, seed=0)
    assert found.min() >= 0
    assert all(len({i, *row}) == 71 for i, row in enumerate(found.tolist()))


def test_recall_is_the_share_of_true_neighbors() -> None:
    points = noise(200, 8)
    true = brute_force(points, 10)
    # Fewer points than are compared: all of them are. A hair up or down for the last digit.
    assert measured_recall(points, true * (1 - 1e-12), seed=0) == 1.0
    worse = true * (1 - 1e-12)
    worse[:50, 5:] = 1e9
    assert measured_recall(points, worse, seed=0) == pytest.approx(1 - 50 * 5 / 2000)
