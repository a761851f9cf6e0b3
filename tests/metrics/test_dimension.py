"""Dimension estimates against scikit-dimension and against manifolds of known dimension."""

import warnings

import numpy as np
import pytest
from scipy import stats

from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.metrics import dimension
from tests import manifolds

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # scikit-dimension's own, on import
    import skdim


@pytest.fixture(scope="module")
def distances() -> np.ndarray:
    return nearest_neighbors(manifolds.gaussian(2000, 8, 30), 20).distances


def test_twonn_equals_scikit_dimension(distances: np.ndarray) -> None:
    peer = skdim.id.TwoNN(discard_fraction=0.1).fit(manifolds.gaussian(2000, 8, 30))
    # Its distances come from norms and products: about 1e-8 relative per ratio.
    assert dimension.twonn(distances) == pytest.approx(peer.dimension_, rel=1e-6)


def test_mle_equals_scikit_dimension(distances: np.ndarray) -> None:
    X = manifolds.gaussian(2000, 8, 30)
    peer = skdim.id.MLE(K=20).fit(X, n_neighbors=20, comb="mle")
    local = dimension.local_dimensions(distances[:, :20])
    # The peer's distances, as above; single points gather the error of twenty ratios.
    assert dimension.mle(local) == pytest.approx(peer.dimension_, rel=1e-6)
    np.testing.assert_allclose(np.sort(local), np.sort(peer.dimension_pw_), rtol=1e-5)


# metrics.md's values for n = 4000; seeds move them by up to 2 %.
@pytest.mark.parametrize(("d", "expected"), [(5, 5.1), (10, 9.8), (20, 17.6)])
def test_twonn_of_isotropic_gaussians(d: int, expected: float) -> None:
    found = [
        dimension.twonn(nearest_neighbors(manifolds.gaussian(4000, d, 40, seed), 2).distances)
        for seed in range(3)
    ]
    assert np.mean(found) == pytest.approx(expected, rel=0.02)


# Points near the surface have neighbours on one side only, and their share grows with
# d: at d = 5 both estimates, and the peer's, read some 6 % low.
@pytest.mark.parametrize(("d", "tolerance"), [(1, 0.03), (2, 0.05), (5, 0.08)])
def test_a_ball_in_many_dimensions_keeps_its_own(d: int, tolerance: float) -> None:
    X = manifolds.ball(3000, d, 25)
    found = nearest_neighbors(X, 20).distances
    assert dimension.twonn(found) == pytest.approx(d, rel=tolerance)
    assert dimension.mle(dimension.local_dimensions(found)) == pytest.approx(d, rel=tolerance)
    peer = skdim.id.TwoNN(discard_fraction=0.1).fit(X)
    assert dimension.twonn(found) == pytest.approx(peer.dimension_, rel=1e-6)


def test_a_curved_sheet_has_dimension_two() -> None:
    found = nearest_neighbors(manifolds.swiss_roll(3000, 10), 20).distances
    assert dimension.twonn(found) == pytest.approx(2, rel=0.05)


def test_duplicates_do_not_move_the_estimate() -> None:
    """Merged first, 30 % of duplicates leave a 10-d Gaussian where it was."""
    X = manifolds.gaussian(2800, 10, 10)
    repeated = np.concatenate([X, X[:1200]])
    alone = dimension.twonn(nearest_neighbors(X, 2).distances)
    assert dimension.twonn(nearest_neighbors(repeated, 2).distances) == alone
    # metrics.md reads 9.7; at n = 2800 seeds move it by some 3 %.
    assert alone == pytest.approx(9.7, abs=0.4)


def test_local_quantiles_are_those_of_numpy(distances: np.ndarray) -> None:
    local = dimension.local_dimensions(distances)
    logs = np.log(distances[:, 19:20] / distances[:, :19])
    assert dimension.lid_quantile(local, 0.25) == pytest.approx(
        np.quantile(1 / logs.mean(axis=1), 0.25)
    )


def test_too_few_points_are_undefined() -> None:
    assert np.isnan(dimension.twonn(np.ones((2, 1))))
    assert np.isnan(dimension.mle(dimension.local_dimensions(np.ones((5, 4)))))


def test_a_regular_grid_is_undefined_not_infinite() -> None:
    ring = np.exp(2j * np.pi * np.arange(8) / 8)
    X = np.stack([ring.real.round(6), ring.imag.round(6)], axis=1)
    found = nearest_neighbors(X, 2).distances
    assert np.isnan(dimension.twonn(np.ones((10, 2))))
    assert found.shape == (8, 7)


def test_twonn_ml_is_the_fit_of_a_censored_exponential() -> None:
    """scipy maximises the likelihood numerically; here it is a closed form."""
    distances = nearest_neighbors(manifolds.gaussian(800, 6, 12), 2).distances
    x = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    observed, limit = x[:720], x[719]
    data = stats.CensoredData(uncensored=observed, right=np.full(80, limit))
    _, scale = stats.expon.fit(data, floc=0)
    assert dimension.twonn_ml(distances) == pytest.approx(1 / scale, rel=1e-4)


def test_twonn_low20_is_the_regression_on_the_lowest_fifth(distances: np.ndarray) -> None:
    x = np.sort(np.log(distances[:, 1] / distances[:, 0]))[:400]
    y = -np.log(1 - np.arange(1, 401) / 2000)
    slope = np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]
    assert dimension.twonn_low20(distances) == pytest.approx(slope, rel=1e-12)


def test_mom_equals_scikit_dimension(distances: np.ndarray) -> None:
    peer = skdim.id.MOM().fit(manifolds.gaussian(2000, 8, 30), n_neighbors=20)
    assert dimension.mom(distances) == pytest.approx(peer.dimension_, rel=1e-6)


def test_mada_equals_scikit_dimension(distances: np.ndarray) -> None:
    peer = skdim.id.MADA().fit(manifolds.gaussian(2000, 8, 30), n_neighbors=20)
    assert dimension.mada(distances) == pytest.approx(peer.dimension_, rel=1e-6)


@pytest.mark.parametrize("d", [2, 5])
def test_all_estimates_agree_on_a_ball(d: int) -> None:
    found = nearest_neighbors(manifolds.ball(3000, d, 25), 20).distances
    # Averages of local ratios are biased upwards at k = 20, boundaries pull down; the
    # regression on few, small ratios is noisy.
    assert dimension.twonn_ml(found) == pytest.approx(d, rel=0.1)
    assert dimension.twonn_low20(found) == pytest.approx(d, rel=0.12)
    assert dimension.mom(found) == pytest.approx(d, rel=0.12)
    assert dimension.mada(found) == pytest.approx(d, rel=0.15)
