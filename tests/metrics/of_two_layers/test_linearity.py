"""Linearity against NumPy's least squares on whole arrays."""

import numpy as np
import pytest

import embstore
from embstore.metrics.of_two_layers.linearity import linearity, linearity_of
from tests.metrics.pairs import D, N, numbers_of_pair, pair_of, two_layers


def test_it_is_that_of_least_squares_on_all_rows() -> None:
    X, Y = two_layers()
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    rest = Yc - Xc @ np.linalg.lstsq(Xc, Yc)[0]
    expected = 1 - np.square(rest).sum() / np.square(Yc).sum()
    # Normal equations square the condition number, here about 15.
    assert linearity_of(X, Y) == pytest.approx(expected, rel=1e-12)
    assert numbers_of_pair(X, Y)["linearity_next"] == pytest.approx(expected, rel=1e-12)


def test_a_linear_map_is_perfectly_linear_and_noise_is_not() -> None:
    X, _ = two_layers()
    A = np.random.default_rng(1).normal(size=(D, 7))
    assert linearity_of(X, X @ A) == pytest.approx(1.0, abs=1e-12)
    noise = np.random.default_rng(2).normal(size=(N, D))
    # By chance D of the N - 1 directions of noise are fitted: D/(N - 1) = 0.03 on average.
    assert linearity_of(X, noise) == pytest.approx(D / (N - 1), abs=0.01)


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
    pair = pair_of(X, Y)
    fit = pair.fit
    assert linearity(fit, pair.total, N) == pytest.approx(expected, rel=1e-9)
    assert fit.rank == {"copied": D - 1, "silent": D - 1, "rank": 4, "tiny": D}[spoil]


def test_a_fit_that_cannot_fail_is_undefined() -> None:
    X, Y = two_layers()
    assert np.isnan(linearity_of(X[: D + 1], Y[: D + 1]))
    assert not np.isnan(linearity_of(X[: D + 2], Y[: D + 2]))
    assert np.isnan(linearity_of(X, np.ones((N, D))))


@pytest.mark.parametrize(("wide", "narrow"), [(60, 30), (60, 80)])
def test_layers_of_other_widths_lack_vectors_and_not_a_map(wide: int, narrow: int) -> None:
    rng = np.random.default_rng(0)
    names = ["linearity_next", "linearity_residual_next"]
    few, more = (
        embstore.measure_pair(
            rng.normal(size=(n, wide)), rng.normal(size=(n, narrow)), metrics=names
        )
        for n in (50, 200)
    )
    assert few["linearity_next"].reason == "50 tokens for rank 49: every map fits"
    assert more["linearity_next"].value is not None
    # What is added to a layer of another width is undefined however many vectors there are.
    for found in (few, more):
        assert found["linearity_residual_next"].reason == "the two layers differ in width"
