"""What a scope adds to the tokens that all share, against the same from all of its tokens."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.cross_moments import CrossMoments, slopes_between
from embstore.geometry.moments import Moments
from embstore.metrics.clusters import Clusters
from embstore.metrics.two_layers import Core, Overlap, Pair

N, D_X, D_Y, FEW = 1500, 10, 10, 8


def two_layers(length: float, d_y: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vectors of which the first few are ``length`` times as long, and what becomes of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D_X)) * rng.uniform(0.3, 2, size=D_X) + 1.0
    X[:FEW] *= length
    return X, X @ rng.normal(size=(D_X, d_y)) / 3 + 0.3 * rng.normal(size=(N, d_y))


def core_of(name: str, X: NDArray[np.float64], Y: NDArray[np.float64], of: slice) -> Core:
    """The tokens ``of``, with all as the sample."""
    slopes = slopes_between(X, Y, np.arange(FEW, N))
    cross = CrossMoments.empty(X.shape[1], Y.shape[1], slopes)
    cross.add(X[of], Y[of])
    x, y = (Z.astype(np.float32) for Z in (X, Y))
    return Core(name, Moments.of(X[of]), Moments.of(Y[of]), cross, x, y)


def pair_of(
    core: Core, whole: Core, added: tuple[NDArray[np.floating], NDArray[np.floating]] | None
) -> Pair:
    nothing = np.zeros(0)
    clusters = Clusters.of(np.arange(N) // 100)
    return Pair(
        core=core,
        added=added,
        x=whole.x,
        y=whole.y,
        cross=whole.cross,
        clusters=clusters,
        spread_x=nothing,
        spread_y=nothing,
        overlap=Overlap(nothing, clusters, nothing),
        steps=None,
    )


def exact(
    X: NDArray[np.float64], Y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Squares, residuals and joint terms from whole arrays in float64."""
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    rest = Y - X @ np.linalg.lstsq(X, Y)[0]
    joint = ((X @ (X.T @ Y / N)) * Y).sum(axis=1)
    return np.square(Y).sum(axis=1), np.square(rest).sum(axis=1), joint


@pytest.mark.parametrize("d_y", [D_Y, 7])
@pytest.mark.parametrize("length", [1.0, 100.0])
@pytest.mark.parametrize("corrected", [True, False])
def test_each_token_counts_as_in_float64_over_all_tokens(
    corrected: bool, length: float, d_y: int
) -> None:
    X, Y = (Z.astype(np.float32).astype(np.float64) for Z in two_layers(length, d_y))
    whole = core_of("whole", X, Y, slice(None))
    if corrected:
        pair = pair_of(core_of("shared", X, Y, slice(FEW, None)), whole, (X[:FEW], Y[:FEW]))
    else:
        pair = pair_of(whole, whole, None)
    factor = pair.factor**2
    found = (
        pair.squares / factor,
        pair.residual_squares / factor,
        pair.joint / (factor * pair.core.factor_x**2),
    )
    for terms, expected in zip(found, exact(X, Y), strict=True):
        # float32 products of vectors up to ``length`` times the usual.
        usual = np.median(np.abs(expected))
        np.testing.assert_allclose(terms[FEW:], expected[FEW:], rtol=1e-5, atol=1e-5 * usual)
        np.testing.assert_allclose(terms[:FEW], expected[:FEW], rtol=1e-5, atol=1e-3 * usual)
    if d_y == D_X:
        moved = np.square((Y - Y.mean(axis=0)) - (X - X.mean(axis=0))).sum(axis=1)
        np.testing.assert_allclose(pair.change_squares / factor, moved, rtol=1e-5)


def test_the_map_is_that_of_all_tokens() -> None:
    X, Y = two_layers(100.0, D_Y)
    whole = core_of("whole", X, Y, slice(None))
    pair = pair_of(core_of("shared", X, Y, slice(FEW, None)), whole, (X[:FEW], Y[:FEW]))
    assert pair.fit.residual == pytest.approx(whole.fit.residual, rel=1e-9)
    assert pair.fit.total == pytest.approx(whole.fit.total, rel=1e-12)
    np.testing.assert_allclose(pair.fit.map, whole.fit.map, atol=1e-9)


def test_cores_of_two_names_do_not_share_arrays() -> None:
    X, Y = two_layers(1.0, D_Y)
    first, second = core_of("shared", X, Y, slice(None)), core_of("whole", 2 * X, Y, slice(None))
    before = np.array(first.mapped)
    second.turned.sum()
    second.mapped.sum()
    np.testing.assert_array_equal(first.mapped, before)
