"""Shares of the mean cosine against sums over every pair."""

import numpy as np
import pytest

from tests.metrics.clouds import numbers_of


def test_shares_are_those_over_all_pairs() -> None:
    X = np.random.default_rng(0).normal(size=(40, 6)) + 0.3
    X[:, 4] += 2
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    pairs = np.triu_indices(40, k=1)
    by_coordinate = np.array([np.outer(u, u)[pairs].sum() for u in U.T])
    shares = by_coordinate / by_coordinate.sum()
    numbers = numbers_of(X)
    assert numbers["top_cosine_share"] == pytest.approx(shares.max(), rel=1e-12)
    assert numbers["top_cosine_coordinate"] == shares.argmax() == 4
