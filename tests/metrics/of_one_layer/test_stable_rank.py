"""Stable rank against matrix norms and closed forms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.of_one_layer.stable_rank import stable_rank
from tests.metrics.clouds import numbers_of


def test_it_is_a_ratio_of_matrix_norms(stretched: NDArray[np.float64]) -> None:
    X = stretched - stretched.mean(axis=0)
    expected = (np.linalg.norm(X, "fro") / np.linalg.norm(X, 2)) ** 2
    numbers = numbers_of(stretched)
    # The norms come from X itself, the metric from its square.
    assert numbers["stable_rank"] == pytest.approx(expected, rel=1e-9)
    assert numbers["stable_rank"] < numbers["participation_ratio"]


def test_a_round_cloud_and_a_line_reach_the_bounds() -> None:
    assert stable_rank(np.full(7, 3.0)) == pytest.approx(7)
    assert stable_rank(np.array([4.0, 0.0, 0.0])) == 1
