"""Vectors that rounding alone tells apart: merged as copies are, before any ratio is taken."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.neighbors.search import Neighbors, nearest_neighbors, restrict
from embstore.geometry.neighbors.ties import rounding_of
from tests.geometry.neighbors.test_search import brute_force, noise


def rounded(X: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """The same vectors, each coordinate up to four float32 steps away."""
    steps = np.random.default_rng(seed).integers(-4, 5, size=X.shape)
    return (X * (1 + steps * np.float32(2.0**-23))).astype(np.float32)


def test_they_are_merged_with_the_first_of_them() -> None:
    X = noise(400, 16)
    # Of one point more than a list holds.
    copies = [rounded(X[:150], seed) for seed in (1, 2)] + [rounded(X[[7] * 200], 3)]
    found = nearest_neighbors(np.concatenate([X, *copies]), 20)
    assert found.n_duplicates == 500
    np.testing.assert_array_equal(found.points, X)
    np.testing.assert_array_equal(found.first, np.arange(400))
    np.testing.assert_array_equal(found.group[400:700], np.tile(np.arange(150), 2))
    assert set(found.group[700:].tolist()) == {7}
    np.testing.assert_allclose(found.distances[:, :20], brute_force(X, 20), rtol=1e-13)


def test_a_scope_without_the_first_of_them_keeps_one() -> None:
    X = noise(200, 8)
    every = np.concatenate([X, rounded(X[:50], 1)])
    keep = np.arange(250) >= 30
    found = restrict(nearest_neighbors(every, 20), keep, 20)
    alone = nearest_neighbors(every[keep], 20)
    assert found.n_duplicates == alone.n_duplicates == 20
    # Another one of two that are equal but for rounding stands for both.
    np.testing.assert_allclose(
        np.sort(found.distances[:, :20], axis=0),
        np.sort(alone.distances[:, :20], axis=0),
        rtol=1e-5,
    )


def dimension(found: Neighbors) -> float:
    """2NN by maximum likelihood, Denti et al. 2022, eq. 6, but for the correction of bias."""
    return float(1 / np.log(found.distances[:, 1] / found.distances[:, 0]).mean())


def test_a_dimension_is_that_of_the_points_without_copies() -> None:
    X = noise(4000, 10)
    expected = dimension(nearest_neighbors(X, 20))
    copied = dimension(nearest_neighbors(np.concatenate([X, rounded(X[:1200], 1)]), 20))
    assert expected == pytest.approx(10, rel=0.1)
    assert copied == pytest.approx(expected, rel=1e-12)


def test_a_row_of_points_each_near_the_next_is_thinned_and_not_made_one() -> None:
    x = np.linspace(1, 1.01, 4000, dtype=np.float32)
    found = nearest_neighbors(np.column_stack([x, np.zeros_like(x)]), 20)
    least = rounding_of(found.points) * 2
    assert found.distances[:, 0].min() > least
    # None was taken away that could have stayed.
    assert found.distances[:, 0].max() < 3 * least
    assert np.ptp(found.points[:, 0]) == pytest.approx(0.01, rel=1e-2)


def test_float64_keeps_what_float32_cannot_tell() -> None:
    X = noise(300, 8).astype(np.float64) + np.pi
    assert nearest_neighbors(np.concatenate([X, X * (1 + 1e-7)]), 20).n_duplicates == 0
    assert nearest_neighbors(np.concatenate([X, X * (1 + 2.0**-52)]), 20).n_duplicates == 300
