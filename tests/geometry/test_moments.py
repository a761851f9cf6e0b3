"""Streamed moments against one-pass NumPy, and what must not change them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from embstore.geometry.moments import Moments


def cloud(n: int, d: int, seed: int, offset: float = 0.0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * rng.uniform(0.1, 5, size=d) + offset


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(0, 60),
    d=st.integers(1, 8),
    seed=st.integers(0, 99),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_any_split_into_batches_gives_the_moments_of_one_pass(
    n: int, d: int, seed: int, cuts: list[int]
) -> None:
    X = cloud(n, d, seed, offset=100.0)
    edges = [0, *sorted(min(cut, n) for cut in cuts), n]
    parts = [X[a:b] for a, b in itertools.pairwise(edges)]
    added = Moments.empty(d)
    merged = Moments.empty(d)
    for part in parts:
        added.add(part)
        merged.take_in(Moments.of(part))
    whole = Moments.of(X)
    # Rounding only: a few ulp of the squared offset-free scale (25 * 60).
    for streamed in (added, merged):
        assert streamed.n == whole.n
        np.testing.assert_allclose(streamed.mean, whole.mean, rtol=1e-13)
        np.testing.assert_allclose(streamed.scatter, whole.scatter, atol=1e-9)
        np.testing.assert_allclose(streamed.unit_sum, whole.unit_sum, atol=1e-12)
        np.testing.assert_allclose(streamed.unit_squares, whole.unit_squares, atol=1e-12)
        assert streamed.norm_max == whole.norm_max
        assert streamed.abs_max == whole.abs_max


def test_eigenvalues_are_those_of_the_covariance() -> None:
    X = cloud(200, 6, seed=1, offset=3.0)
    expected = np.linalg.eigvalsh(np.cov(X, rowvar=False))[::-1]
    np.testing.assert_allclose(Moments.of(X).eigenvalues(), expected, rtol=1e-12)


def test_directions_are_those_of_the_eigenvalues() -> None:
    moments = Moments.of(cloud(200, 6, seed=1))
    values, vectors = moments.eigen()
    np.testing.assert_allclose(values, moments.eigenvalues(), rtol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(6), atol=1e-13)
    # The vectors of size ten and their squares, 200 of them, leave 1e-12 of rounding.
    np.testing.assert_allclose(
        moments.scatter / 199, (vectors * values) @ vectors.T, rtol=0, atol=1e-12
    )


def test_a_large_common_offset_costs_no_digits() -> None:
    X = cloud(500, 4, seed=2)
    near, far = Moments.of(X), Moments.of(X + 1e6)
    # The offset itself rounds X at 1e6 * 2^-53, nothing more may be lost.
    np.testing.assert_allclose(far.eigenvalues(), near.eigenvalues(), rtol=1e-8)


def test_fewer_vectors_than_dimensions_have_rank_n_minus_one() -> None:
    eigenvalues = Moments.of(cloud(5, 20, seed=3)).eigenvalues()
    assert (eigenvalues[:4] > 0).all()
    assert (eigenvalues[4:] == 0).all()


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_scale_moves_eigenvalues_by_its_square(scale: float) -> None:
    X = cloud(50, 3, seed=4)
    expected = Moments.of(X).eigenvalues() * scale**2
    np.testing.assert_allclose(Moments.of(X * scale).eigenvalues(), expected, rtol=1e-12)


def test_zero_vectors_have_no_direction_and_are_counted() -> None:
    moments = Moments.of(np.array([[0.0, 0.0], [0.0, 3.0], [4.0, 0.0]]))
    assert moments.n_zero == 1
    np.testing.assert_allclose(moments.unit_sum, [1.0, 1.0])
    assert moments.norm_max == 4.0


def test_equal_vectors_have_no_variance() -> None:
    assert (Moments.of(np.full((10, 3), 0.1)).eigenvalues() == 0).all()


def test_massive_float16_values_do_not_overflow() -> None:
    X = np.full((4, 2), 60_000, dtype=np.float16)
    X[0] = -60_000
    # Per coordinate the variance of (-a, a, a, a) is a^2, and both coordinates move together.
    largest = float(X[1, 0])
    assert Moments.of(X).eigenvalues()[0] == pytest.approx(2 * largest**2)


def _hard_spectra() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    d = 100
    turned, _ = np.linalg.qr(rng.normal(size=(d, d)))
    near = np.ones(d)
    near[0] += 1e-9
    halves = np.zeros((2 * d, d))
    halves[:d, : d // 2] = rng.normal(size=(d, d // 2))
    halves[d:, d // 2 :] = rng.normal(size=(d, d // 2)) @ np.diag(np.linspace(2, 3, d // 2))
    return {
        "round": rng.normal(size=(300, d)),
        "one direction": rng.normal(size=(300, 1)) * turned[0] + 1e-6 * rng.normal(size=(300, d)),
        # Two blocks at right angles: a start in one of them would never see the other.
        "blocks": halves,
        "few vectors": rng.normal(size=(5, d)) * 1e150,
        "tiny": rng.normal(size=(300, d)) * 1e-150,
        "two first": rng.normal(size=(4000, d)) * np.sqrt(near) @ turned,
        "equal": np.ones((20, d)),
    }


@pytest.mark.parametrize("name", _hard_spectra())
def test_the_first_eigenvector_and_the_norms_are_those_of_a_decomposition(name: str) -> None:
    moments = Moments.of(_hard_spectra()[name])
    values, directions = moments.eigen()
    value, direction = moments.first_eigen()
    assert value == pytest.approx(values[0], rel=1e-12)
    assert np.linalg.norm(direction) == pytest.approx(1.0, rel=1e-12)
    if values[0] > values[1] * (1 + 1e-3):
        assert abs(direction @ directions[:, 0]) == pytest.approx(1.0, rel=1e-10)
    assert moments.total_variance == pytest.approx(values.sum(), rel=1e-12)
    with np.errstate(over="ignore"):
        assert moments.squared_norm == pytest.approx(float(values @ values), rel=1e-12)


@pytest.mark.parametrize("name", _hard_spectra())
def test_eigenvalues_about_the_origin_are_squared_singular_values(name: str) -> None:
    X = _hard_spectra()[name] + 0.5 * np.abs(_hard_spectra()[name]).max()
    unit = np.abs(X).max()
    expected = np.zeros(X.shape[1])
    singular = np.linalg.svd(X / unit, compute_uv=False) ** 2 / len(X)
    expected[: len(singular)] = singular
    found = Moments.of(X).eigenvalues_about_origin() / unit / unit
    # What is below d·eps of the largest is rounding, and zero.
    rounding = X.shape[1] * np.finfo(np.float64).eps * expected[0]
    np.testing.assert_allclose(found, expected, atol=2 * rounding, rtol=1e-9)


@pytest.mark.parametrize("d", [1, 2, 31, 33, 100])
def test_a_triangle_holds_what_a_matrix_does(d: int) -> None:
    X = cloud(90, d, seed=6)
    packed = Moments.empty(d, packed=True)
    for part in np.array_split(X, 4):
        packed.add(part)
    assert packed.scatter.shape == (d * (d + 1) // 2,)
    whole = packed.whole()
    centred = np.longdouble(X) - np.longdouble(X).mean(axis=0)
    np.testing.assert_allclose(whole.scatter, centred.T @ centred, rtol=1e-12, atol=1e-12)
    assert (whole.scatter == whole.scatter.T).all()
    assert (whole.mean == packed.mean).all()
    whole.mean[:] = 0.0
    assert packed.mean.any()
