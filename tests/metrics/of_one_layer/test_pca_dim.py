"""Counts of principal components against running sums of singular values."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.of_one_layer.pca_dim import pca_dim
from tests.metrics.clouds import numbers_of


@pytest.mark.parametrize("percent", [90, 95, 99])
def test_they_reach_their_share_and_no_earlier(
    percent: int, stretched: NDArray[np.float64], singular_values: NDArray[np.float64]
) -> None:
    share = np.cumsum(singular_values**2)
    share /= share[-1]
    m = int(numbers_of(stretched)[f"pca_dim_{percent}"])
    assert share[m - 1] >= percent / 100 > share[m - 2]


def test_a_line_has_one() -> None:
    assert pca_dim(np.array([4.0, 0.0, 0.0]), 0.99) == 1
