"""TwoNN on the lowest fifth against NumPy's least squares."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.of_one_layer.twonn_low20 import twonn_low20


def test_it_is_the_regression_on_the_lowest_fifth(distances: NDArray[np.float64]) -> None:
    x = np.sort(np.log(distances[:, 1] / distances[:, 0]))[:400]
    y = -np.log(1 - np.arange(1, 401) / 2000)
    slope = np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]
    assert twonn_low20(distances) == pytest.approx(slope, rel=1e-12)
