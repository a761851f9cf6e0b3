"""The spectrum from products of vectors with each other, against NumPy's SVD in float64."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.gram import add_mean, eigen_of, eigenvalues_of
from embstore.geometry.moments import EPS, Moments


def few(n: int = 30, d: int = 80, seed: int = 0) -> NDArray[np.float64]:
    """Fewer vectors than dimensions, of a spectrum that decays."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.arange(1, d + 1) ** -0.7 + rng.normal(size=d)


def with_duplicates() -> NDArray[np.float64]:
    X = few()
    return np.vstack([X, X[:7], X[:3]])


def with_zero_vector() -> NDArray[np.float64]:
    return np.vstack([few(), np.zeros(80)])


def with_sink() -> NDArray[np.float64]:
    X = few()
    X[0, :2] += 1e4
    return X


CLOUDS: dict[str, NDArray[np.floating]] = {
    "usual": few(),
    "float32": few().astype(np.float32),
    "float16": few().astype(np.float16),
    "one fewer than dimensions": few(79),
    "duplicates": with_duplicates(),
    "a zero vector": with_zero_vector(),
    "a sink": with_sink(),
    "two": few(2),
    "two that are equal": np.ones((2, 8)),
    "one": few(1),
    "huge": few() * 1e150,
    "tiny": few() * 1e-150,
}


@pytest.mark.parametrize("name", CLOUDS)
def test_values_and_directions_are_those_of_an_svd(name: str) -> None:
    X = CLOUDS[name]
    n, d = X.shape
    moments = Moments.of(X)
    values, directions = eigen_of(X, moments)
    double = X.astype(np.float64)
    _, sigma, rows = np.linalg.svd(double - double.mean(axis=0), full_matrices=False)
    expected = np.zeros(d)
    expected[: len(sigma)] = (sigma / max(n - 1, 1) ** 0.5) ** 2
    # Sums of d products, and a decomposition, are right to so much of the largest value; equal
    # vectors differ from their mean by rounding alone.
    rounding = 2 * d * EPS * expected[0] + np.square(EPS * double).max()
    np.testing.assert_allclose(values, expected, rtol=0, atol=rounding)
    np.testing.assert_allclose(values, moments.eigenvalues(), rtol=0, atol=rounding)
    np.testing.assert_array_equal(values, np.sort(values)[::-1])
    np.testing.assert_allclose(eigenvalues_of(X, moments), values, rtol=0, atol=rounding)
    rank = int((values > 0).sum())
    assert directions.shape == (d, rank)
    # A direction of variance λ takes on √(λ₁/λ) times the rounding, and smaller ones than d·ε·λ₁
    # are left out.
    np.testing.assert_allclose(directions.T @ directions, np.eye(rank), rtol=0, atol=1e-7)
    # Each is right to the rounding over its distance from the others.
    apart = np.abs(np.diff(expected[: rank + 1])) if rank else np.zeros(0)
    clear = np.minimum(apart, np.append(np.inf, apart[:-1])) > 1e-4 * expected[0]
    along = np.abs((directions * rows[:rank].T).sum(axis=0))
    np.testing.assert_allclose(along[clear], 1.0, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", CLOUDS)
def test_with_the_mean_it_is_an_svd_about_the_origin(name: str) -> None:
    X = CLOUDS[name]
    n, d = X.shape
    values, directions = eigen_of(X, Moments.of(X))
    double = X.astype(np.float64)
    found, turned = add_mean(values * ((n - 1) / n), directions, double.mean(axis=0))
    sigma = np.linalg.svd(double, compute_uv=False)
    expected = np.zeros(d)
    expected[: len(sigma)] = (sigma / n**0.5) ** 2
    # As above; the update adds as much again.
    rounding = 4 * d * EPS * expected[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=rounding)
    k = turned.shape[1]
    np.testing.assert_allclose(turned.T @ turned, np.eye(k), rtol=0, atol=1e-7)
    # All vectors lie along them: nothing is left out.
    unit = float(np.abs(double).max())
    left = double / unit - double / unit @ turned @ turned.T
    np.testing.assert_allclose(left, 0, atol=1e-6)


def test_no_direction_and_no_mean_stay_nothing() -> None:
    values, directions = eigen_of(np.zeros((3, 8)), Moments.of(np.zeros((3, 8))))
    assert directions.shape == (8, 0)
    found, turned = add_mean(values, directions, np.zeros(8))
    assert not found.any()
    assert turned.shape == (8, 0)
