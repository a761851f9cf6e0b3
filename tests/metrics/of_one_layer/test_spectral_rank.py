"""Spectral rank against the entropy of shares of variance."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from embstore.metrics.of_one_layer.spectral_rank import spectral_rank
from tests.metrics.clouds import numbers_of


def test_it_is_the_exponential_of_the_entropy_of_covariance_eigenvalues(
    stretched: NDArray[np.float64],
) -> None:
    expected = np.exp(stats.entropy(np.linalg.eigvalsh(np.cov(stretched.T))))
    numbers = numbers_of(stretched)
    assert numbers["spectral_rank"] == pytest.approx(expected, rel=1e-9)
    # Counts of directions that weigh the small ones less and less (Hill numbers).
    assert numbers["participation_ratio"] < numbers["spectral_rank"] < numbers["effective_rank"]


def test_a_round_cloud_and_a_line_reach_the_bounds() -> None:
    assert spectral_rank(np.full(7, 3.0)) == pytest.approx(7)
    assert spectral_rank(np.array([4.0, 0.0, 0.0])) == 1
    assert np.isnan(spectral_rank(np.zeros(3)))
