"""IsoScore against the published algorithm."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.of_one_layer.isoscore import isoscore
from tests.metrics.clouds import number_of


def test_it_equals_the_published_definition(
    stretched: NDArray[np.float64], singular_values: NDArray[np.float64]
) -> None:
    """Rudman et al. 2022, algorithm 1: the defect of the normalised PCA variances."""
    n, d = stretched.shape
    variances = singular_values**2 / (n - 1)
    normalised = np.sqrt(d) * variances / np.linalg.norm(variances)
    defect = np.linalg.norm(normalised - 1) / np.sqrt(2 * (d - np.sqrt(d)))
    expected = ((d - defect**2 * (d - np.sqrt(d))) ** 2 - d) / (d * (d - 1))
    assert number_of(stretched, "isoscore") == pytest.approx(expected, rel=1e-9)


def test_a_round_cloud_and_a_line_reach_the_bounds() -> None:
    assert isoscore(np.full(7, 3.0)) == pytest.approx(1)
    assert isoscore(np.array([4.0, 0.0, 0.0])) == 0
