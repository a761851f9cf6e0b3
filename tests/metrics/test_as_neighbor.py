"""What a point does as the neighbour of others, against lists from which it is taken."""

import numpy as np
import pytest

from embstore.geometry.neighbors.mutual import mutual_share
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics.clusters import AS_NEIGHBOR, Clusters
from embstore.metrics.neighbor_ratios import NEIGHBORS, inverse_effects
from embstore.metrics.of_two_layers.neighbor_overlap import overlap
from tests.metrics.clouds import cloud_of


def test_a_neighbour_moves_the_inverse_dimension_as_its_removal_does_on_average() -> None:
    X = np.random.default_rng(0).uniform(size=(4000, 4))
    distances = nearest_neighbors(X, NEIGHBORS + 1).distances[:, : NEIGHBORS + 1]
    effects = inverse_effects(distances)

    def inverse(lists: np.ndarray) -> np.ndarray:
        return np.asarray(np.log(lists[:, -1:] / lists[:, :-1]).mean(axis=1))

    whole = inverse(distances[:, :NEIGHBORS])
    for rank in (0, 4, 9, 18):
        without = inverse(np.delete(distances, rank, axis=1))
        removed = float((whole - without).mean())
        # To first order in 1/k: within a twentieth of what the nearest does.
        expected = float(effects[:, rank].mean())
        assert removed == pytest.approx(expected, abs=0.05 * float(effects[:, 0].mean()))


def test_effects_on_others_sum_to_nothing() -> None:
    graph = cloud_of(np.random.default_rng(0).normal(size=(300, 5))).graph
    summed = graph.on_neighbors(inverse_effects(graph.distances))
    assert summed.sum() == pytest.approx(0, abs=1e-9)
    assert np.abs(summed).max() > 1e-3


def test_effects_go_to_the_points_that_are_listed() -> None:
    graph = cloud_of(np.random.default_rng(0).normal(size=(100, 3))).graph
    first = np.zeros_like(graph.distances)
    first[:, 0] = 1.0
    expected = np.bincount(graph.indices[:, 0], minlength=100)
    np.testing.assert_allclose(graph.on_neighbors(first), graph.as_neighbor * expected)


def test_a_neighbour_in_both_lists_raises_a_share_and_one_in_one_list_lowers_it() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    Y = X + 0.3 * rng.normal(size=X.shape)
    first, second = (nearest_neighbors(Z, 10).indices[:, :10] for Z in (X, Y))
    found = overlap(first, second, Clusters.of(np.arange(200)))
    expected = np.zeros(200)
    for a, b in zip(first, second, strict=True):
        share = len(np.intersect1d(a, b)) / 10
        for other in range(200):
            listed = int(other in a) + int(other in b)
            expected[other] += (listed == 2) - share * listed / 2
    assert found.as_neighbor.sum() == pytest.approx(0, abs=1e-9)
    # Known up to how much of it counts.
    counts = found.as_neighbor[0] / expected[0]
    np.testing.assert_allclose(found.as_neighbor, counts * expected, atol=1e-12)
    assert 0 < counts * 10 <= 1


def test_the_fewer_are_mutual_the_more_counts() -> None:
    rng = np.random.default_rng(0)
    ordinary = rng.normal(size=(600, 64)) * np.arange(1, 65) ** -0.5
    heavy = ordinary / np.sqrt(rng.chisquare(5, size=(600, 1)) / 3)
    counts = [cloud_of(X).graph.as_neighbor for X in (ordinary, heavy)]
    assert counts[0] == AS_NEIGHBOR
    assert 0.7 < counts[1] < 1


def test_mutual_neighbours_are_those_in_each_others_lists() -> None:
    indices = nearest_neighbors(np.random.default_rng(0).normal(size=(150, 6)), 7).indices[:, :7]
    listed = np.zeros((150, 150), dtype=bool)
    listed[np.arange(150)[:, np.newaxis], indices] = True
    expected = (listed & listed.T).sum() / listed.sum()
    assert mutual_share(np.ascontiguousarray(indices)) == pytest.approx(expected)
    assert mutual_share(np.array([[1], [0]], dtype=np.int32)) == 1
    assert mutual_share(np.array([[1], [2], [0]], dtype=np.int32)) == 0
    assert mutual_share(np.zeros((0, 0), dtype=np.int32)) == 0
