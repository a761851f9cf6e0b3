"""Errors of two layers against float64: right where they are told, else not told."""

import numpy as np
import pytest
from numpy.typing import NDArray

import embstore
from tests import manifolds

N_WINDOWS, WINDOW, D = 16, 32, 32
LABELS = np.repeat(np.arange(N_WINDOWS), WINDOW)
Vectors = NDArray[np.float64]


def layer(kind: str, rng: np.random.Generator) -> Vectors:
    X = rng.normal(size=(N_WINDOWS * WINDOW, D)) * np.arange(1, D + 1) ** -0.5 + 0.2
    if kind == "sinks":
        X[::WINDOW] *= 0.1
        X[::WINDOW, 2] = 100 * np.exp(0.05 * rng.normal(size=N_WINDOWS))
    if kind == "scales of windows":
        X *= np.exp(2 * rng.normal(size=N_WINDOWS))[LABELS, np.newaxis]
    return X


def error_of(influence: Vectors) -> float:
    """The standard error of a number whose windows are the units, (n,)."""
    sums = influence.reshape(N_WINDOWS, WINDOW).sum(axis=1)
    return float(np.sqrt(np.square(sums - sums.mean()).sum() * N_WINDOWS / (N_WINDOWS - 1)))


def exact(X: Vectors, Y: Vectors) -> dict[str, tuple[float, float]]:
    """Two metrics and their errors, by how each token moves them, from whole arrays."""
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    rest = np.square(Y - X @ np.linalg.lstsq(X, Y)[0]).sum(axis=1)
    squares = np.square(Y).sum(axis=1)
    missed = rest.sum() / squares.sum()
    both, first, second = X.T @ Y, X.T @ X, Y.T @ Y
    cka = np.square(both).sum() / np.sqrt(np.square(first).sum() * np.square(second).sum())
    parts = [
        ((A @ product) * B).sum(axis=1) / np.square(product).sum()
        for A, product, B in ((X, both, Y), (X, first, X), (Y, second, Y))
    ]
    return {
        "linearity_next": (1 - missed, error_of((missed * squares - rest) / squares.sum())),
        "cka_next": (cka, error_of(cka * (2 * parts[0] - parts[1] - parts[2]))),
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["usual", "sinks", "scales of windows"])
@pytest.mark.parametrize("turned", [False, True])
def test_an_error_is_told_where_it_is_more_than_rounding(kind: str, turned: bool) -> None:
    rng = np.random.default_rng(3)
    X = layer(kind, rng)
    noise = np.median(np.abs(X), axis=0) * rng.normal(size=X.shape)
    turn = manifolds.rotation(D, D, 5) if turned else np.eye(D)
    told = []
    for share in (0, 1e-3, 3e-2, 1):
        before = X.astype(np.float32)
        after = ((1.1 * X + share * noise) @ turn).astype(np.float32)
        found = embstore.measure_pair(before, after, windows=LABELS)
        numbers = exact(before.astype(np.float64), after.astype(np.float64))
        for name, (value, error) in numbers.items():
            # What is promised of float32 products.
            assert found[name].value == pytest.approx(value, abs=1e-6)
            told.append(bool(np.isfinite(found[name].std_error)))
            if told[-1]:
                # Rounding adds 2.3e-7 at most, and in squares.
                assert found[name].std_error == pytest.approx(error, rel=0.12), (name, share)
            else:
                assert error < 5.5e-7, (name, share)
    assert not any(told[:2])
    assert all(told[-2:])
