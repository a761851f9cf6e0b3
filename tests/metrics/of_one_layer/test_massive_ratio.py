"""The massive activation ratio against NumPy's extremes."""

import numpy as np
import pytest

from tests.metrics.clouds import number_of


def test_it_is_the_largest_coordinate_over_the_median() -> None:
    X = np.random.default_rng(0).normal(size=(500, 6))
    X[3, 2] = 1000.0
    assert number_of(X, "massive_ratio") == pytest.approx(1000 / np.median(np.abs(X)))
