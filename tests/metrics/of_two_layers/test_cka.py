"""Linear CKA against Gram matrices, and what it does not see."""

import numpy as np
import pytest

from embstore.metrics.of_two_layers.cka import linear_cka
from tests import manifolds
from tests.metrics.pairs import D, N, numbers_of_pair, two_layers


def test_it_is_that_of_the_gram_matrices() -> None:
    X, Y = two_layers()
    centre = np.eye(N) - 1 / N
    K, L = centre @ X @ X.T @ centre, centre @ Y @ Y.T @ centre
    # Kornblith et al. 2019, eq. 4: the same number from (n, n) matrices.
    expected = (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())
    assert numbers_of_pair(X, Y)["cka_next"] == pytest.approx(expected, rel=1e-12)


def test_it_does_not_see_rotation_scale_or_shift_of_one_layer() -> None:
    X, _ = two_layers()
    Y = 3 * X @ manifolds.rotation(D, D, 5) + 1
    assert numbers_of_pair(X, Y)["cka_next"] == pytest.approx(1, abs=1e-12)
    Yc = Y - Y.mean(axis=0)
    assert np.isnan(linear_cka(np.zeros((D, D)), np.zeros((D, D)), Yc.T @ Yc))
