"""Participation ratio against traces and closed forms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.of_one_layer.participation_ratio import participation_ratio
from tests.metrics.clouds import number_of


def test_it_is_a_ratio_of_traces(stretched: NDArray[np.float64]) -> None:
    C = np.cov(stretched, rowvar=False)
    expected = np.trace(C) ** 2 / np.trace(C @ C)
    assert number_of(stretched, "participation_ratio") == pytest.approx(expected, rel=1e-9)


def test_a_round_cloud_and_a_line_reach_the_bounds() -> None:
    assert participation_ratio(np.full(7, 3.0)) == pytest.approx(7)
    assert participation_ratio(np.array([4.0, 0.0, 0.0])) == 1


def test_few_isotropic_vectors_are_biased_as_known() -> None:
    """At n = 2000, d = 768 isotropic data read 554: about 1 / (1/d + 1/n)."""
    X = np.random.default_rng(0).normal(size=(2000, 768))
    assert number_of(X, "participation_ratio") == pytest.approx(554, abs=3)
