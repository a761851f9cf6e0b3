"""Mean cosine against the mean over every pair."""

import numpy as np
import pytest

from tests.metrics.clouds import number_of


def test_it_is_the_mean_over_all_pairs() -> None:
    X = np.random.default_rng(0).normal(size=(40, 6)) + 0.7
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    cosines = (U @ U.T)[np.triu_indices(40, k=1)]
    assert number_of(X, "mean_cosine") == pytest.approx(cosines.mean(), rel=1e-12)
