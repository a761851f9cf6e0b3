"""Update ratio against NumPy's norms."""

import numpy as np
import pytest

from tests.metrics.pairs import numbers_of_pair, two_layers


def test_it_is_the_mean_length_of_the_update() -> None:
    X, Y = two_layers()
    expected = (np.linalg.norm(Y - X, axis=1) / np.linalg.norm(X, axis=1)).mean()
    assert numbers_of_pair(X, Y)["update_ratio"] == pytest.approx(expected, rel=1e-12)
