"""Joint moments of two layers, streamed, against all rows at once."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.cross_moments import CrossMoments, slopes_between


def two_clouds() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vectors, and others that depend on them, (400, 12) each."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 12)) * rng.uniform(0.2, 3, size=12) + 5.0
    return X, X @ rng.normal(size=(12, 12)) + rng.normal(size=(400, 12)) - 3.0


def test_products_in_float32_are_good_to_a_millionth() -> None:
    X, Y = (Z.astype(np.float32) for Z in two_clouds())
    exact, single = CrossMoments.empty(12, 12), CrossMoments.empty(12, 12)
    exact.add(X, Y)
    single.add(X, Y, single=True)
    error = np.abs(single.scatter - exact.scatter).max()
    # Single products round by 6e-8 of themselves, sums of 400 by a few times that.
    assert 0 < error < 1e-6 * np.abs(exact.scatter).max()


@pytest.mark.parametrize("cuts", [[], [1], [13, 200], [100, 101, 399]])
def test_cross_moments_of_batches_are_those_of_all_rows(cuts: list[int]) -> None:
    X, Y = two_clouds()
    streamed = CrossMoments.empty(12, 12)
    merged = CrossMoments.empty(12, 12)
    for a, b in zip([0, *cuts], [*cuts, 400], strict=True):
        streamed.add(X[a:b], Y[a:b])
        part = CrossMoments.empty(12, 12)
        part.add(X[a:b], Y[a:b])
        merged.take_in(part)
    expected = (X - X.mean(axis=0)).T @ (Y - Y.mean(axis=0))
    for found in (streamed, merged):
        assert found.n == 400
        # Rounding of sums of 400 products of size 30.
        np.testing.assert_allclose(found.scatter, expected, atol=1e-10)
        np.testing.assert_allclose(found.mean_rest, Y.mean(axis=0), rtol=1e-13)


def test_slopes_change_no_answer() -> None:
    """Any multiple of x may be taken from y first: what it adds is known from x alone."""
    X, Y = two_clouds()
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    found = slopes_between(X, Y, np.arange(400))
    # Least squares of each coordinate on its own, rounded to float32.
    expected = (Xc * Yc).sum(axis=0) / np.square(Xc).sum(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    for slopes in (None, np.ones(12), found):
        cross = CrossMoments.empty(12, 12, slopes)
        cross.add(X, Y)
        # Rounding of sums of 400 products of size 30.
        np.testing.assert_allclose(cross.joint(Xc.T @ Xc), Xc.T @ Yc, atol=1e-9)
        change = np.square(Yc - Xc).sum(axis=0)
        np.testing.assert_allclose(cross.change(Xc.T @ Xc), change, rtol=1e-12)
        rest = Yc - cross.slopes * Xc
        np.testing.assert_allclose(cross.squares, np.square(rest).sum(axis=0), rtol=1e-12)


def test_unequal_widths_and_no_tokens_have_no_slopes() -> None:
    X, Y = two_clouds()
    assert not slopes_between(X, Y[:, :5], np.arange(400)).any()
    assert not slopes_between(X, Y, np.arange(0)).any()
    # A coordinate that does not vary says nothing of the next layer's.
    X[:, 3] = 7.0
    assert slopes_between(X, Y, np.arange(400))[3] == 0.0


@pytest.mark.parametrize("size", [1e-44, 1e-30, 1e30, 3e37])
def test_products_in_float32_keep_within_range(size: float) -> None:
    """Squares of these leave float32, whose normal numbers end at 1e-38 and 3e38."""
    X, Y = two_clouds()
    small = ((Z / 100 * size).astype(np.float32) for Z in (X, Y))
    X, Y = (Z.astype(np.float64) for Z in small)
    exact, single = CrossMoments.empty(12, 12), CrossMoments.empty(12, 12)
    exact.add(X, Y)
    single.add(X.astype(np.float32), Y.astype(np.float32), single=True)
    np.testing.assert_allclose(exact.scatter, (X - X.mean(axis=0)).T @ (Y - Y.mean(axis=0)))
    # Relative to the lengths of both columns: each product is rounded to 6e-8, and of a sum of n
    # the error grows as √n, whichever order the processor's kernel takes; twice that.
    lengths = [np.linalg.norm(Z - Z.mean(axis=0), axis=0) for Z in (X, Y)]
    largest = 2 * np.sqrt(len(X)) * 6e-8
    assert (np.abs(single.scatter - exact.scatter) < largest * np.outer(*lengths)).all()
