"""Spectral slope against exact power laws and NumPy's polynomial fit."""

import numpy as np
import pytest

from embstore.metrics.of_one_layer.spectral_slope import spectral_slope


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_of_a_power_law_it_is_the_exponent(alpha: float) -> None:
    eigenvalues = 7.0 * np.arange(1, 151.0) ** -alpha
    eigenvalues[:10] *= 100  # the first ten do not count
    assert spectral_slope(eigenvalues) == pytest.approx(-alpha, rel=1e-12)


def test_it_is_that_of_polyfit_and_stops_where_variance_does() -> None:
    eigenvalues = np.zeros(80)
    eigenvalues[:40] = np.sort(np.random.default_rng(0).exponential(size=40))[::-1]
    i = np.arange(11, 41)
    expected = np.polyfit(np.log(i), np.log(eigenvalues[10:40]), 1)[0]
    assert spectral_slope(eigenvalues) == pytest.approx(expected, rel=1e-9)
    assert np.isnan(spectral_slope(eigenvalues[:19]))
