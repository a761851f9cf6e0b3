"""Quantiles of the local dimension against NumPy's, of the formula written out."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.neighbors.search import nearest_neighbors
from tests.metrics.clouds import values_of


@pytest.mark.parametrize("percent", [5, 25, 50, 75, 95])
def test_they_are_those_of_numpy(percent: int, gaussian: NDArray[np.float64]) -> None:
    X = gaussian[:500]
    r = nearest_neighbors(X, 20).distances[:, :20]
    expected = np.quantile(19 / np.log(r[:, 19:] / r[:, :19]).sum(axis=1), percent / 100)
    assert values_of(X)[f"lid_p{percent:02d}"].value == pytest.approx(expected, rel=1e-12)
