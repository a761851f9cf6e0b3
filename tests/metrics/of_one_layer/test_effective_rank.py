"""Effective rank against singular values."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.of_one_layer.effective_rank import effective_rank
from tests.metrics.clouds import number_of


def test_it_is_the_entropy_of_singular_values(
    stretched: NDArray[np.float64], singular_values: NDArray[np.float64]
) -> None:
    q = singular_values / singular_values.sum()
    expected = np.exp(-(q * np.log(q)).sum())
    assert number_of(stretched, "effective_rank") == pytest.approx(expected, rel=1e-9)


def test_a_round_cloud_and_a_line_reach_the_bounds() -> None:
    assert effective_rank(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_rank(np.array([4.0, 0.0, 0.0])) == 1
