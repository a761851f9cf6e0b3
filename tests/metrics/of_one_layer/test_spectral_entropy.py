"""Spectral entropy against the entropy of a matrix."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.of_one_layer.spectral_entropy import spectral_entropy
from tests.metrics.clouds import number_of


def test_it_is_the_von_neumann_entropy(stretched: NDArray[np.float64]) -> None:
    covariance = np.cov(stretched, rowvar=False)
    rho = covariance / np.trace(covariance)
    # -tr(rho log rho) by a matrix function, not by sorted eigenvalues.
    w, v = np.linalg.eigh(rho)
    log_rho = v @ np.diag(np.log(w)) @ v.T
    expected = -np.trace(rho @ log_rho)
    assert number_of(stretched, "spectral_entropy") == pytest.approx(expected, rel=1e-8)


def test_a_round_cloud_and_a_line_reach_the_bounds() -> None:
    assert spectral_entropy(np.full(7, 3.0)) == pytest.approx(np.log(7))
    assert spectral_entropy(np.array([4.0, 0.0, 0.0])) == 0
