"""Sums over pairs of directions against all pairs at once."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from embstore.geometry import unit_pairs
from embstore.geometry.unit_pairs import gaussian_sums, squared_cosines


def directions(X: NDArray[np.floating]) -> NDArray[np.float64]:
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return np.asarray(np.where(norms > 0, X / np.where(norms > 0, norms, 1), 0))


def vectors(n: int, d: int) -> NDArray[np.float64]:
    X = np.random.default_rng(0).normal(size=(n, d)) + 0.3
    X[3] = 0
    X[5] = X[6]
    return X


@pytest.mark.parametrize(("n", "d"), [(70, 9), (20, 90)])
@pytest.mark.parametrize("block", [16, 512])
def test_squared_cosines(monkeypatch: pytest.MonkeyPatch, n: int, d: int, block: int) -> None:
    monkeypatch.setattr(unit_pairs, "_BLOCK", block)
    X = vectors(n, d)
    U = directions(X)
    found = squared_cosines(X, np.linalg.norm(X, axis=1))
    np.testing.assert_allclose(found, np.square(U @ U.T).sum(axis=1), rtol=1e-12, atol=1e-15)
    assert found[3] == 0


@pytest.mark.parametrize("block", [16, 512])
def test_gaussian_sums_leave_out_pairs_of_a_window(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(unit_pairs, "_BLOCK", block)
    X, windows = vectors(70, 9), np.arange(70) // 4
    U = directions(X)
    near = np.exp(-2 * cdist(U, U, "sqeuclidean"))
    near[windows[:, None] == windows] = 0
    near[3] = near[:, 3] = 0
    found = gaussian_sums(X, np.linalg.norm(X, axis=1), windows, t=2.0)
    np.testing.assert_allclose(found, near.sum(axis=1), rtol=1e-12, atol=1e-15)
