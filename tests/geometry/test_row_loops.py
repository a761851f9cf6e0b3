"""Compiled passes over rows against numpy on whole arrays."""

import numpy as np
import pytest

from embstore.geometry.row_loops import squares_about


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_squares_about_a_centre_are_those_of_directions(dtype: str) -> None:
    rng = np.random.default_rng(0)
    X = np.asarray(rng.normal(size=(50, 7)) * rng.exponential(size=(50, 1)) + 0.3, dtype=dtype)
    X[[3, 9]] = 0
    centre, weights = rng.normal(size=7), rng.exponential(size=7)
    norms = np.linalg.norm(X.astype(np.float64), axis=1, keepdims=True)
    U = np.divide(X, norms, out=np.zeros((50, 7)), where=norms > 0)
    expected = np.square(U - centre) @ weights
    expected[[3, 9]] = 0.25
    np.testing.assert_allclose(squares_about(X, centre, weights, 0.25), expected, rtol=1e-12)
