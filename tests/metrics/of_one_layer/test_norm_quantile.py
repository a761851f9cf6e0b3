"""Quantiles of the norm against NumPy's."""

import numpy as np
import pytest

from tests.metrics.clouds import numbers_of


@pytest.mark.parametrize("percent", [1, 50, 99])
def test_they_are_those_of_numpy(percent: int) -> None:
    X = np.random.default_rng(0).normal(size=(500, 6))
    expected = np.quantile(np.linalg.norm(X, axis=1), percent / 100)
    assert numbers_of(X)[f"norm_p{percent:02d}"] == pytest.approx(expected, rel=1e-14)
