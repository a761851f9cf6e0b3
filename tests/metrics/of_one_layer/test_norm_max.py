"""The largest norm against NumPy's."""

import numpy as np
import pytest

from tests.metrics.clouds import number_of


def test_it_is_that_of_numpy() -> None:
    X = np.random.default_rng(0).normal(size=(500, 6))
    X[3, 2] = 1000.0
    expected = np.linalg.norm(X, axis=1).max()
    assert number_of(X, "norm_max") == pytest.approx(expected, rel=1e-14)
