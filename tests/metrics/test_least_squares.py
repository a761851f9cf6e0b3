"""The map between two layers against NumPy's least squares."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.least_squares import Fit

D = 12


def two_layers(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vectors and noisy images of them, both centred, (n, D) each."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D)) * rng.uniform(0.2, 3, size=D)
    Y = X @ rng.normal(size=(D, D)) + rng.normal(size=(n, D))
    return X - X.mean(axis=0), Y - Y.mean(axis=0)


def fit_of(X: NDArray[np.float64], Y: NDArray[np.float64]) -> Fit:
    return Fit.of(X.T @ X, X.T @ Y, float(np.square(Y).sum()))


def test_the_map_is_that_of_least_squares() -> None:
    X, Y = two_layers(400, 0)
    expected = np.linalg.lstsq(X, Y)[0]
    found = fit_of(X, Y)
    np.testing.assert_allclose(found.map, expected, rtol=1e-10)
    assert found.residual == pytest.approx(np.square(Y - X @ expected).sum(), rel=1e-12)


@pytest.mark.parametrize("length", [1.0, 1e3, 1e6])
def test_tokens_taken_in_later_count_as_if_they_had_been_there(length: float) -> None:
    X, Y = two_layers(400, 1)
    x, y = (length * rows[:5] for rows in two_layers(40, 2))
    all_x, all_y = np.vstack([X, x]), np.vstack([Y, y])
    total = float(np.square(all_y).sum())
    found, gain = fit_of(X, Y).with_tokens(x, y, total)
    expected = np.linalg.lstsq(all_x, all_y)[0]
    # Long rows make least squares itself ill-conditioned: 1e6 rounds its answer to 1e-9.
    np.testing.assert_allclose(found.map, expected, rtol=1e-8, atol=1e-9)
    rest = np.square(all_y - all_x @ expected).sum()
    assert found.residual == pytest.approx(rest, rel=1e-9)
    assert found.total == total
    np.testing.assert_allclose(found.map - fit_of(X, Y).map, gain.gain @ gain.change, atol=1e-12)


def test_no_tokens_change_nothing() -> None:
    X, Y = two_layers(100, 3)
    fit = fit_of(X, Y)
    found, gain = fit.with_tokens(np.zeros((0, D)), np.zeros((0, D)), fit.total)
    assert found is fit
    assert gain.gain.shape == (D, 0)
    assert gain.change.shape == (0, D)


def test_a_map_that_leaves_directions_out_cannot_take_tokens_in() -> None:
    X, Y = two_layers(100, 4)
    X[:, 3] = X[:, 5]
    fit = fit_of(X, Y)
    assert fit.rank == D - 1
    with pytest.raises(ValueError, match="full rank"):
        fit.with_tokens(X[:2], Y[:2], fit.total)
