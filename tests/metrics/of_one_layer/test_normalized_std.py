"""Normalised standard deviation against numpy's over every direction, and known clouds."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.of_one_layer.normalized_std import normalized_std
from tests.metrics.clouds import number_of


def test_it_is_the_mean_deviation_of_the_coordinates_of_directions(
    stretched: NDArray[np.float64],
) -> None:
    U = stretched / np.linalg.norm(stretched, axis=1, keepdims=True)
    expected = np.sqrt(U.shape[1]) * U.std(axis=0).mean()
    assert number_of(stretched, "normalized_std") == pytest.approx(expected, rel=1e-12)


def test_directions_spread_evenly_read_1_and_one_direction_0() -> None:
    even = np.random.default_rng(0).normal(size=(20_000, 16))
    # Of 20,000 tokens the coordinates of the mean are 1/√(d·n) = .002 of √d·std.
    assert number_of(even, "normalized_std") == pytest.approx(1, abs=2e-3)
    scale = np.random.default_rng(1).exponential(size=(300, 1)) + 0.1
    same = scale * np.linspace(1.0, 2.0, 16)
    # Directions are equal to rounding only, as their lengths are not.
    assert normalized_std(*_sums(same)) == 0


def test_a_common_direction_lowers_it_as_the_closed_form_says() -> None:
    """Unit vectors e₀·cos(a) ± e_i·sin(a), evenly over 15 axes: all but the first vary alike."""
    d, cosine = 16, 0.9
    sine = np.sqrt(1 - cosine**2)
    axes = np.concatenate([np.eye(d)[1:], -np.eye(d)[1:]])
    X = cosine * np.eye(d)[0] + sine * axes
    expected = np.sqrt(d) * (d - 1) / d * sine / np.sqrt(d - 1)
    # The first coordinate is a sum of squares less a square: rounding.
    assert normalized_std(*_sums(X)) == pytest.approx(expected, rel=1e-7)


def test_zero_vectors_do_not_count() -> None:
    X = np.random.default_rng(0).normal(size=(50, 8)) + 0.5
    with_zeros = np.concatenate([X, np.zeros((30, 8))])
    assert normalized_std(*_sums(X)) == normalized_std(*_sums(with_zeros))
    assert np.isnan(normalized_std(*_sums(np.eye(3)[:1])))


def _sums(X: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    norms = np.linalg.norm(X, axis=1)
    U = X[norms > 0] / norms[norms > 0, None]
    return U.sum(axis=0), np.square(U).sum(axis=0), len(U)
