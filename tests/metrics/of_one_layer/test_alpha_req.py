"""α-ReQ against exact power laws and weighted least squares."""

import numpy as np
import pytest

from embstore.metrics.of_one_layer.alpha_req import alpha_req
from embstore.metrics.of_one_layer.spectral_slope import spectral_slope


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_of_a_power_law_it_is_the_exponent(alpha: float) -> None:
    eigenvalues = 7.0 * np.arange(1, 151.0) ** -alpha
    eigenvalues[:10] *= 100  # the first ten do not count
    assert alpha_req(eigenvalues) == pytest.approx(alpha, rel=1e-12)


def test_it_is_that_of_weighted_polyfit_and_stops_where_variance_does() -> None:
    eigenvalues = np.zeros(80)
    eigenvalues[:40] = np.sort(np.random.default_rng(0).exponential(size=40))[::-1]
    i = np.arange(11, 41)
    # NumPy weighs residuals, the papers' code their squares.
    expected = -np.polyfit(np.log(i), np.log(eigenvalues[10:40]), 1, w=i**-0.5)[0]
    assert alpha_req(eigenvalues) == pytest.approx(expected, rel=1e-9)
    assert alpha_req(eigenvalues) != pytest.approx(-spectral_slope(eigenvalues), rel=1e-2)
    assert np.isnan(alpha_req(eigenvalues[:19]))
