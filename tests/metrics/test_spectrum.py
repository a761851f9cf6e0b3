"""Spectrum metrics against definitions computed another way: SVD, sampling, closed forms."""

import numpy as np
import pytest

from embstore.geometry.moments import Moments
from embstore.metrics import spectrum
from embstore.metrics.cosine import mean_cosine
from tests.metrics.clouds import numbers_of


def singular_values(X: np.ndarray) -> np.ndarray:
    return np.linalg.svd(X - X.mean(axis=0), compute_uv=False)


@pytest.fixture(scope="module", name="X")
def anisotropic_cloud() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(400, 30)) @ rng.normal(size=(30, 30)) + 5.0


# float64 SVD and eigenvalues of the scatter agree to rounding of the condition number.
RTOL = 1e-9


def test_anisotropy_is_the_share_of_the_first_singular_value(X: np.ndarray) -> None:
    s = singular_values(X)
    assert numbers_of(X)["anisotropy"] == pytest.approx(s[0] ** 2 / (s**2).sum(), rel=RTOL)


def test_effective_rank_is_the_entropy_of_singular_values(X: np.ndarray) -> None:
    s = singular_values(X)
    q = s / s.sum()
    expected = np.exp(-(q * np.log(q)).sum())
    assert numbers_of(X)["effective_rank"] == pytest.approx(expected, rel=RTOL)


def test_spectral_entropy_is_the_von_neumann_entropy(X: np.ndarray) -> None:
    covariance = np.cov(X, rowvar=False)
    rho = covariance / np.trace(covariance)
    # -tr(rho log rho) by a matrix function, not by sorted eigenvalues.
    w, v = np.linalg.eigh(rho)
    log_rho = v @ np.diag(np.log(w)) @ v.T
    assert numbers_of(X)["spectral_entropy"] == pytest.approx(-np.trace(rho @ log_rho), rel=1e-8)


def test_participation_ratio_is_a_ratio_of_traces(X: np.ndarray) -> None:
    C = np.cov(X, rowvar=False)
    expected = np.trace(C) ** 2 / np.trace(C @ C)
    assert numbers_of(X)["participation_ratio"] == pytest.approx(expected, rel=RTOL)


def test_isoscore_equals_the_published_definition(X: np.ndarray) -> None:
    """Rudman et al. 2022, algorithm 1: the defect of the normalised PCA variances."""
    d = X.shape[1]
    variances = singular_values(X) ** 2 / (len(X) - 1)
    normalised = np.sqrt(d) * variances / np.linalg.norm(variances)
    defect = np.linalg.norm(normalised - 1) / np.sqrt(2 * (d - np.sqrt(d)))
    expected = ((d - defect**2 * (d - np.sqrt(d))) ** 2 - d) / (d * (d - 1))
    assert numbers_of(X)["isoscore"] == pytest.approx(expected, rel=RTOL)


def test_pca_dims_reach_their_share_and_no_earlier(X: np.ndarray) -> None:
    share = np.cumsum(singular_values(X) ** 2)
    share /= share[-1]
    numbers = numbers_of(X)
    for percent in (90, 95, 99):
        m = int(numbers[f"pca_dim_{percent}"])
        assert share[m - 1] >= percent / 100 > share[m - 2]


def test_a_round_cloud_reaches_every_upper_bound() -> None:
    d = 7
    # The corners of a cross polytope: exactly equal variances.
    X = np.concatenate([np.eye(d), -np.eye(d)])
    eigenvalues = Moments.of(X).eigenvalues()
    assert spectrum.anisotropy(eigenvalues) == pytest.approx(1 / d)
    assert spectrum.participation_ratio(eigenvalues) == pytest.approx(d)
    assert spectrum.isoscore(eigenvalues) == pytest.approx(1)
    assert spectrum.effective_rank(eigenvalues) == pytest.approx(d)
    assert spectrum.spectral_entropy(eigenvalues) == pytest.approx(np.log(d))


def test_a_line_reaches_every_lower_bound() -> None:
    eigenvalues = np.array([4.0, 0.0, 0.0])
    assert spectrum.anisotropy(eigenvalues) == 1
    assert spectrum.participation_ratio(eigenvalues) == 1
    assert spectrum.isoscore(eigenvalues) == 0
    assert spectrum.effective_rank(eigenvalues) == 1
    assert spectrum.spectral_entropy(eigenvalues) == 0
    assert spectrum.pca_dim(eigenvalues, 0.99) == 1


def test_participation_ratio_of_few_isotropic_vectors_is_biased_as_known() -> None:
    """At n = 2000, d = 768 isotropic data read 554: about 1 / (1/d + 1/n)."""
    X = np.random.default_rng(0).normal(size=(2000, 768))
    assert numbers_of(X)["participation_ratio"] == pytest.approx(554, abs=3)


def test_sinks_decide_anisotropy_but_not_mean_cosine() -> None:
    """The trap of metrics with variance: a share p of tokens with one coordinate moved by s.

    That coordinate's variance becomes 1 + p(1 - p)s², the others' stay 1; only pairs of
    moved tokens, p² of all, get a cosine near 1.
    """
    n, d, moved, s = 14_000, 60, 128, 400.0
    X = np.random.default_rng(0).normal(size=(n, d))
    assert numbers_of(X[:4000])["anisotropy"] < 0.025
    X[:moved, 5] += s
    p = moved / n
    variance = 1 + p * (1 - p) * s**2
    moments = Moments.of(X)
    # The other coordinates' variances are known to sqrt(2 / (n d)), .15 %.
    found = spectrum.anisotropy(moments.eigenvalues())
    assert found == pytest.approx(variance / (variance + d - 1), rel=5e-3)
    # p² is 8e-5; chance adds about 1 / n.
    assert abs(mean_cosine(moments.unit_sum, n)) < 3e-4


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_spectral_slope_of_a_power_law_is_its_exponent(alpha: float) -> None:
    eigenvalues = 7.0 * np.arange(1, 151.0) ** -alpha
    eigenvalues[:10] *= 100  # the first ten do not count
    assert spectrum.spectral_slope(eigenvalues) == pytest.approx(-alpha, rel=1e-12)


def test_spectral_slope_is_that_of_polyfit_and_stops_where_variance_does() -> None:
    eigenvalues = np.zeros(80)
    eigenvalues[:40] = np.sort(np.random.default_rng(0).exponential(size=40))[::-1]
    i = np.arange(11, 41)
    expected = np.polyfit(np.log(i), np.log(eigenvalues[10:40]), 1)[0]
    assert spectrum.spectral_slope(eigenvalues) == pytest.approx(expected, rel=1e-9)
    assert np.isnan(spectrum.spectral_slope(eigenvalues[:19]))
