"""Exact neighbours against brute force in float64, on easy and on treacherous data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from embstore.neighbors import merge_duplicates, nearest_neighbors, restrict


def brute_force(X: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    distances = np.empty((len(X), k))
    for i, x in enumerate(X.astype(np.float64)):
        squared = ((X.astype(np.float64) - x) ** 2).sum(axis=1)
        distances[i] = np.sqrt(np.sort(np.delete(squared, i))[:k])
    return distances


def noise(n: int, d: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def near_duplicates() -> NDArray[np.float32]:
    """Pairs that differ by a few float32 steps, far from the origin."""
    X = noise(300, 32) + np.float32(50)
    twin = X[:100].copy()
    twin[:, 0] = np.nextafter(twin[:, 0], np.float32(1e9))
    return np.concatenate([X, twin])


def massive() -> NDArray[np.float32]:
    """A few vectors with one coordinate of 25,000 among usual ones: attention sinks."""
    X = noise(700, 32)
    X[:5, 3] += 25_000
    return X


@pytest.mark.parametrize(
    "X",
    [
        noise(700, 32),
        noise(600, 3) * np.float32(1e15),
        near_duplicates(),
        massive(),
    ],
    ids=["noise", "huge", "near duplicates", "massive"],
)
def test_distances_equal_brute_force(X: NDArray[np.float32]) -> None:
    found = nearest_neighbors(X, 20)
    # Both are float64 direct differences; only the order of d terms differs.
    np.testing.assert_allclose(found.distances[:, :20], brute_force(X, 20), rtol=1e-13)


def test_indices_belong_to_the_distances() -> None:
    X = noise(600, 8)
    found = nearest_neighbors(X, 5)
    i = 17
    to = found.points[found.indices[i]].astype(np.float64)
    expected = np.linalg.norm(to - X[i].astype(np.float64), axis=1)
    np.testing.assert_allclose(found.distances[i], expected, rtol=1e-13)


def test_duplicates_are_merged_before_the_search() -> None:
    X = noise(50, 4)
    repeated = np.concatenate([X, X[:20], X[:5]])
    found = nearest_neighbors(repeated, 3)
    assert found.n_duplicates == 25
    np.testing.assert_array_equal(found.points, X)
    np.testing.assert_array_equal(found.group[50:70], np.arange(20))
    assert (found.distances > 0).all()


def test_minus_zero_equals_zero() -> None:
    first, group = merge_duplicates(np.array([[0.0, 1.0], [-0.0, 1.0]]))
    assert first.tolist() == [0]
    assert group.tolist() == [0, 0]


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_with_fewer_points_than_k_all_others_are_returned(n: int) -> None:
    found = nearest_neighbors(noise(n, 4), 20)
    assert found.distances.shape == (n, max(n - 1, 0))
    kept = restrict(found, np.ones(n, dtype=bool), 20)
    assert kept.distances.shape == (n, max(n - 1, 0))


def far_clusters(n: int, seed: int) -> NDArray[np.float32]:
    """Tight clusters far from their mean: float32 products barely rank within one.

    Of this size the first 20 neighbours are proven and those behind them are not.
    """
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(5, 4)) * 30
    points = centres[rng.integers(0, 5, size=n)] + rng.normal(size=(n, 4)) * 0.1
    return points.astype(np.float32)


def assert_restricted_is_exact(X: NDArray[np.float32], keep: NDArray[np.bool_], k: int) -> None:
    restricted = restrict(nearest_neighbors(X, k), keep, k)
    distinct = np.unique(X[keep], axis=0)
    m = max(min(k, len(distinct) - 1), 0)
    assert restricted.distances.shape == (len(distinct), m)
    if m > 0:
        # Rows are the distinct points in order of occurrence; brute force in the same order.
        expected = brute_force(restricted.points, m)
        np.testing.assert_allclose(restricted.distances, expected, rtol=1e-13)
    np.testing.assert_array_equal(np.unique(restricted.points, axis=0), distinct)
    np.testing.assert_array_equal(restricted.points[restricted.group], X[keep])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), share=st.floats(0.02, 1.0), repeats=st.integers(0, 30))
def test_restricting_is_exact(seed: int, share: float, repeats: int) -> None:
    rng = np.random.default_rng(seed)
    X = noise(120, 6, seed)
    X = np.concatenate([X, X[rng.integers(0, 120, size=repeats)]])
    assert_restricted_is_exact(X, rng.random(len(X)) < share, 8)


@pytest.mark.parametrize("seed", range(6))
def test_restricting_is_exact_where_float32_cannot_rank(seed: int) -> None:
    X = far_clusters(1500, seed)
    keep = np.random.default_rng(seed).random(len(X)) < 0.7
    assert_restricted_is_exact(X, keep, 20)
