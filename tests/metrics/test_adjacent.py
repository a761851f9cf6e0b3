"""Two-layer metrics against NumPy on whole arrays, closed forms and peers."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.moments import CrossMoments, Moments
from embstore.metrics import adjacent
from embstore.metrics.least_squares import Fit
from tests import manifolds

N, D = 400, 12


def two_layers(
    seed: int = 0, noise: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A layer and one that adds a linear and a random part to it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) * rng.uniform(0.2, 3, size=D) + 5.0
    return X, X + X @ rng.normal(size=(D, D)) * 0.2 + noise * rng.normal(size=(N, D)) - 3.0


def fit_of(X: NDArray[np.floating], Y: NDArray[np.floating]) -> Fit:
    cross = CrossMoments.empty(X.shape[1], Y.shape[1])
    cross.add(X, Y)
    total = float(np.square(Y - Y.mean(axis=0)).sum())
    return Fit.of(Moments.of(X).scatter, cross.scatter, total)


def test_linearity_is_that_of_least_squares_on_all_rows() -> None:
    X, Y = two_layers()
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    rest = Yc - Xc @ np.linalg.lstsq(Xc, Yc)[0]
    expected = 1 - np.square(rest).sum() / np.square(Yc).sum()
    # Normal equations square the condition number, here about 15.
    assert adjacent.linearity_of(X, Y) == pytest.approx(expected, rel=1e-12)


def test_linearity_of_the_residual_has_the_same_rest() -> None:
    X, Y = two_layers()
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    added = Yc - Xc
    rest = added - Xc @ np.linalg.lstsq(Xc, added)[0]
    change = float(np.square(added).sum())
    expected = 1 - np.square(rest).sum() / change
    found = adjacent.linearity_residual(fit_of(X, Y), change, N)
    assert found == pytest.approx(expected, rel=1e-11)
    assert found < adjacent.linearity_of(X, Y)  # the part that X carries on does not count


def test_a_linear_map_is_perfectly_linear_and_noise_is_not() -> None:
    X, _ = two_layers()
    A = np.random.default_rng(1).normal(size=(D, 7))
    assert adjacent.linearity_of(X, X @ A) == pytest.approx(1.0, abs=1e-12)
    noise = np.random.default_rng(2).normal(size=(N, D))
    # By chance D of the N - 1 directions of noise are fitted: D/(N - 1) = 0.03 on average.
    assert adjacent.linearity_of(X, noise) == pytest.approx(D / (N - 1), abs=0.01)


@pytest.mark.parametrize("spoil", ["copied", "silent", "rank", "tiny"])
def test_directions_without_variance_do_not_spoil_the_fit(spoil: str) -> None:
    """The minimum-norm solution of lstsq is what remains when they are left out."""
    X, Y = two_layers()
    if spoil == "copied":
        X[:, 3] = X[:, 5]
    elif spoil == "silent":
        X[:, 3] = 7.0
    elif spoil == "rank":
        X = X[:, :4] @ np.random.default_rng(3).normal(size=(4, D))
    else:
        X[:, 3] *= 1e-9  # small, but with a variance of its own
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    Xs = Xc / np.where(Xc.std(axis=0) > 1e-14, Xc.std(axis=0), 1)
    weights = np.linalg.lstsq(Xs, Yc, rcond=1e-10)[0]
    expected = 1 - np.square(Yc - Xs @ weights).sum() / np.square(Yc).sum()
    fit = fit_of(X, Y)
    assert adjacent.linearity(fit, N) == pytest.approx(expected, rel=1e-9)
    assert fit.rank == {"copied": D - 1, "silent": D - 1, "rank": 4, "tiny": D}[spoil]


def test_a_fit_that_cannot_fail_is_undefined() -> None:
    X, Y = two_layers()
    assert np.isnan(adjacent.linearity_of(X[: D + 1], Y[: D + 1]))
    assert not np.isnan(adjacent.linearity_of(X[: D + 2], Y[: D + 2]))
    assert np.isnan(adjacent.linearity_of(X, np.ones((N, D))))


def test_cka_is_that_of_the_gram_matrices() -> None:
    X, Y = two_layers()
    centre = np.eye(N) - 1 / N
    K, L = centre @ X @ X.T @ centre, centre @ Y @ Y.T @ centre
    # Kornblith et al. 2019, eq. 4: the same number from (n, n) matrices.
    expected = (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    assert adjacent.linear_cka(Xc.T @ Xc, Xc.T @ Yc, Yc.T @ Yc) == pytest.approx(
        expected, rel=1e-12
    )


def test_cka_does_not_see_rotation_scale_or_shift() -> None:
    X, _ = two_layers()
    Y = 3 * X @ manifolds.rotation(D, D, 5) + 1
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    assert adjacent.linear_cka(Xc.T @ Xc, Xc.T @ Yc, Yc.T @ Yc) == pytest.approx(1, abs=1e-12)
    assert np.isnan(adjacent.linear_cka(np.zeros((D, D)), np.zeros((D, D)), Yc.T @ Yc))


def test_neighbor_overlap_counts_common_neighbours() -> None:
    rng = np.random.default_rng(0)
    x = np.array([rng.choice(50, size=30, replace=False) for _ in range(40)])
    y = np.array([rng.choice(50, size=30, replace=False) for _ in range(40)])
    expected = [len(set(a) & set(b)) / 30 for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(adjacent.neighbor_overlap(x, y), expected)
    assert (adjacent.neighbor_overlap(x, rng.permuted(x, axis=1)) == 1).all()


def test_products_in_float32_are_good_to_a_millionth() -> None:
    X, Y = (Z.astype(np.float32) for Z in two_layers())
    exact, single = CrossMoments.empty(D, D), CrossMoments.empty(D, D)
    exact.add(X, Y)
    single.add(X, Y, single=True)
    error = np.abs(single.scatter - exact.scatter).max()
    # Single products round by 6e-8 of themselves, sums of 400 by a few times that.
    assert 0 < error < 1e-6 * np.abs(exact.scatter).max()


@pytest.mark.parametrize("cuts", [[], [1], [13, 200], [100, 101, 399]])
def test_cross_moments_of_batches_are_those_of_all_rows(cuts: list[int]) -> None:
    X, Y = two_layers()
    streamed = CrossMoments.empty(D, D)
    merged = CrossMoments.empty(D, D)
    for a, b in zip([0, *cuts], [*cuts, N], strict=True):
        streamed.add(X[a:b], Y[a:b])
        part = CrossMoments.empty(D, D)
        part.add(X[a:b], Y[a:b])
        merged.take_in(part)
    expected = (X - X.mean(axis=0)).T @ (Y - Y.mean(axis=0))
    for found in (streamed, merged):
        assert found.n == N
        # Rounding of sums of 400 products of size 30.
        np.testing.assert_allclose(found.scatter, expected, atol=1e-10)
        np.testing.assert_allclose(found.mean_y, Y.mean(axis=0), rtol=1e-13)
