"""Neighbours and counts against brute force in float64, on easy and on treacherous data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

from embstore.geometry.neighbors import search
from embstore.geometry.neighbors.candidates import candidates_about
from embstore.geometry.neighbors.duplicates import merge_duplicates
from embstore.geometry.neighbors.search import (
    count_within,
    nearest_neighbors,
    restrict,
)


def brute_force(X: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    distances = np.empty((len(X), k))
    for i, x in enumerate(X.astype(np.float64)):
        squared = ((X.astype(np.float64) - x) ** 2).sum(axis=1)
        distances[i] = np.sqrt(np.sort(np.delete(squared, i))[:k])
    return distances


def noise(n: int, d: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def near_duplicates() -> NDArray[np.float32]:
    """Pairs that differ by a little more than rounding may, far from the origin."""
    X = noise(300, 32) + np.float32(50)
    twin = X[:100].copy()
    twin[:, 0] += np.float32(0.005)
    return np.concatenate([X, twin])


def massive() -> NDArray[np.float32]:
    """A few vectors with one coordinate of 25,000 among usual ones: attention sinks."""
    X = noise(700, 32)
    X[:5, 3] += 25_000
    return X


EXAMPLES = {
    "noise": noise(700, 32),
    "many": noise(5000, 8),
    "huge": noise(600, 3) * np.float32(1e15),
    "tiny": noise(600, 3) * np.float32(1e-30),
    "float64": noise(700, 32).astype(np.float64) * 1e60,
    "near duplicates": near_duplicates(),
    "massive": massive(),
    "grid": np.random.default_rng(0).integers(0, 4, size=(1500, 6)).astype(np.float32),
}


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 20, 64])
@pytest.mark.parametrize("name", EXAMPLES)
def test_distances_equal_brute_force(name: str, k: int) -> None:
    X = EXAMPLES[name]
    found = nearest_neighbors(X, k)
    assert (found.method, found.recall) == ("exact", 1.0)
    # Both are float64 direct differences; only the order of d terms differs.
    np.testing.assert_allclose(found.distances[:, :k], brute_force(found.points, k), rtol=1e-13)


def test_exact_distances_do_not_depend_on_the_seed() -> None:
    X = EXAMPLES["many"]
    one, other = (nearest_neighbors(X, 20, seed=seed).distances for seed in (1, 2))
    np.testing.assert_array_equal(one[:, :20], other[:, :20])


def test_no_point_is_nearer_than_the_radius_unless_listed() -> None:
    X = EXAMPLES["near duplicates"]
    found = nearest_neighbors(X, 5)
    for i, x in enumerate(X.astype(np.float64)):
        rest = np.setdiff1d(np.arange(len(X)), [i, *found.indices[i]])
        # Distances are rounded to 53 bits, so is the radius.
        assert np.linalg.norm(X[rest] - x, axis=1).min() >= found.radius[i] * (1 - 1e-15)


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
    np.testing.assert_array_equal(found.first, np.arange(50))
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
    np.testing.assert_array_equal(X[keep][restricted.first], restricted.points)
    # No earlier row that stays is the same point.
    expected_first = [np.flatnonzero(restricted.group == g)[0] for g in range(len(distinct))]
    np.testing.assert_array_equal(restricted.first, expected_first)


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


def test_points_in_dense_places_far_from_the_mean_take_no_brute_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched = []
    brute = search._brute_force

    def counted(points: NDArray[np.floating], row: int, m: int) -> object:
        searched.append(row)
        return brute(points, row, m)

    monkeypatch.setattr(search, "_brute_force", counted)
    # So many points of five places are alike to float32 that none is proven at first.
    X = far_clusters(1500, 0)
    spread = noise(1500, 4) * np.float32(3000)
    found = nearest_neighbors(np.concatenate([X, spread]), 20)
    assert len(searched) < 20
    near = brute_force(found.points, 20)
    np.testing.assert_allclose(found.distances[:, :20], near, rtol=1e-13)


def test_places_of_a_few_points_each_are_left_to_brute_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else every place would be seen from in turn, with a product of all points for thirty."""
    seen = []

    def counted(points: NDArray[np.floating], rows: NDArray[np.int64], m: int) -> object:
        seen.append(len(rows))
        return candidates_about(points, rows, m)

    monkeypatch.setattr(search, "candidates_about", counted)
    rng = np.random.default_rng(0)
    places = np.repeat(rng.normal(size=(60, 4)) * 300, 30, axis=0)
    X = (places + rng.normal(size=places.shape) * 0.01).astype(np.float32)
    found = nearest_neighbors(X, 3)
    # Of sixty places one or two, which happen to lie together, are tried.
    assert 1 <= len(seen) <= 3
    assert seen[0] > 1000
    np.testing.assert_allclose(found.distances[:, :3], brute_force(found.points, 3), rtol=1e-13)


def test_restricting_sixty_four_neighbors_is_exact() -> None:
    X = noise(1500, 24)
    keep = np.random.default_rng(0).random(len(X)) < 0.95
    assert_restricted_is_exact(X, keep, 64)


def test_an_approximate_search_starts_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def candidates(points: NDArray[np.floating], m: int, *, seed: int) -> NDArray[np.int32]:
        """Say the points before are the nearest, which few of them are."""
        asked.append((len(points), m, seed))
        n = len(points)
        return ((np.arange(n)[:, None] - np.arange(1, m + 1)) % n).astype(np.int32)

    monkeypatch.setattr(search, "approximate_candidates", candidates)
    monkeypatch.setattr(search, "EXACT_LIMIT", 300)
    few, many = noise(300, 8), noise(301, 8)
    assert nearest_neighbors(few, 5).method == "exact"
    assert nearest_neighbors(many, 5, method="exact").method == "exact"
    assert not asked
    found = nearest_neighbors(many, 5, seed=3)
    assert asked == [(301, 17, 3)]
    assert found.method == "pynndescent"
    # All but 45 of the points are compared with brute force: 256 of 301.
    true = brute_force(many, 5)[:, 4:]
    assert found.recall == pytest.approx((found.distances[:, :5] <= true).mean(), abs=0.02)
    assert 0 < found.recall < 0.2
    # With all others listed there is nothing to approximate.
    assert nearest_neighbors(noise(310, 8), 400).method == "exact"


def pairs_within(
    X: NDArray[np.floating], radii: NDArray[np.float64], member: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The counts from all distances, (s, n, r)."""
    distances = squareform(pdist(X.astype(np.float64)))
    np.fill_diagonal(distances, np.inf)
    pairs = member[:, :, None] & member[:, None, :]
    return np.stack(
        [
            (pairs & (distances <= radii[:, r, None, None])).sum(axis=2)
            for r in range(radii.shape[1])
        ],
        axis=2,
    )


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("name", ["noise", "huge", "tiny", "near duplicates", "massive", "grid"])
def test_counts_within_radii_equal_those_of_all_pairs(name: str, factor: float) -> None:
    found = nearest_neighbors(EXAMPLES[name], 20)
    n = len(found.points)
    rng = np.random.default_rng(1)
    member = np.stack([np.ones(n, dtype=bool), rng.random(n) < 0.9, rng.random(n) < 0.1])
    # Between two distances of the sample, as its medians are: no pair is at the radius,
    # but on the grid, whose distances are square roots of integers, exact either way.
    radii = factor * np.median(found.distances[:, [9, 19]], axis=0) * np.array([[1], [1.1], [1.5]])
    counts = count_within(found, radii, member)
    np.testing.assert_array_equal(counts, pairs_within(found.points, radii, member))
    rows = np.array([n - 1, 0, 17])
    np.testing.assert_array_equal(count_within(found, radii, member, rows), counts[:, rows])


@pytest.mark.parametrize("squared", [1, 2, 3, 9])
def test_a_point_at_the_radius_counts(squared: int) -> None:
    found = nearest_neighbors(EXAMPLES["grid"] + np.float32(1000), 20)
    radii = np.array([[np.sqrt(squared), np.nextafter(np.sqrt(squared), 0)]])
    member = np.ones((1, len(found.points)), dtype=bool)
    counts = count_within(found, radii, member)
    # Integers: their squared distances are exact, and so is the comparison.
    np.testing.assert_array_equal(counts, pairs_within(found.points, radii, member))
    assert (counts[..., 0] > counts[..., 1]).any()


def test_each_pair_counts_for_both_points_or_for_none() -> None:
    """A radius that is a distance of the sample itself, seen from lists and from products."""
    X = far_clusters(800, 0)
    found = nearest_neighbors(X, 20)
    member = np.ones((1, len(found.points)), dtype=bool)
    for radius in found.distances[[3, 99, 500], [19, 5, 11]]:
        radii = np.array([[radius]])
        counts = count_within(found, radii, member)
        below = count_within(found, np.nextafter(radii, 0), member)
        # Distances are float64 sums in one order, so exactly one pair is at the radius.
        assert (counts - below).sum() == 2


@pytest.mark.parametrize("n", [0, 1, 2])
def test_counts_of_hardly_any_points(n: int) -> None:
    found = nearest_neighbors(noise(n, 4), 20)
    counts = count_within(found, np.full((2, 1), np.inf), np.ones((2, n), dtype=bool))
    assert counts.tolist() == [[[max(n - 1, 0)]] * n] * 2


def test_within_an_unknown_radius_there_is_nothing() -> None:
    found = nearest_neighbors(EXAMPLES["massive"], 20)
    member = np.ones((2, len(found.points)), dtype=bool)
    wide = found.distances[:, 19].max()
    counts = count_within(found, np.array([[np.nan], [wide]]), member)
    assert counts[0].sum() == 0
    np.testing.assert_array_equal(
        counts, pairs_within(found.points, np.array([[-1], [wide]]), member)
    )
    assert count_within(found, np.full((2, 2), np.nan), member).sum() == 0
