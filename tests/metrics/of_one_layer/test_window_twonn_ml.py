"""Dimension of windows against brute force, and on windows of known dimension."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from embstore.geometry.neighbors.in_groups import two_nearest
from tests.geometry.neighbors.test_rounded import rounded
from tests.metrics.of_one_layer.windows import number

pytestmark = pytest.mark.slow

NAME = "window_twonn_ml"


def brute_force(window: NDArray[np.float64]) -> float:
    """By Denti et al. 2022, with the largest tenth of the ratios known only to be larger."""
    apart = np.sort(cdist(window, window), axis=1)
    x = np.sort(np.log(apart[:, 2] / apart[:, 1]))
    m = int(0.9 * len(x))
    return float(m / (x[:m].sum() + (len(x) - m) * x[m - 1]))


def test_it_is_the_mean_of_each_windows_own_dimension() -> None:
    X = np.random.default_rng(0).normal(size=(12, 30, 8)) + np.arange(12)[:, None, None]
    expected = np.array([brute_force(window) for window in X])
    found = number(X, NAME)
    assert found.value == pytest.approx(expected.mean(), rel=1e-12)
    assert found.std_error == pytest.approx(expected.std(ddof=1) / 12**0.5, rel=1e-9)
    effects = np.array(found.window_effects)
    assert effects == pytest.approx((expected - expected.mean()) / 12, rel=1e-9)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_windows_on_tori_of_their_own_have_the_dimension_of_a_torus(dimension: int) -> None:
    """Without an edge, where 2NN reads low; each torus lies in directions of its own."""
    rng = np.random.default_rng(1)
    angles = rng.uniform(0, 2 * np.pi, size=(8, 600, dimension))
    flat = np.concatenate([np.cos(angles), np.sin(angles)], axis=2)
    X = flat @ np.linalg.qr(rng.normal(size=(8, 40, 2 * dimension)))[0].transpose(0, 2, 1)
    # 4,800 ratios tell a dimension to 1.5 %.
    assert number(X, NAME).value == pytest.approx(dimension, rel=0.05)


def test_copies_in_a_window_count_once() -> None:
    X = np.random.default_rng(2).normal(size=(3, 40, 8)).astype(np.float32)
    copied = np.concatenate([X, X[:, :10], rounded(X[:, 5:15], 3)], axis=1)
    found = number(copied.astype(np.float64), NAME).value
    assert found == pytest.approx(number(X.astype(np.float64), NAME).value, rel=1e-12)


def test_windows_that_say_too_little_are_left_out() -> None:
    rng = np.random.default_rng(3)
    short = number(rng.normal(size=(6, 19, 8)), NAME)
    assert short.value is None
    assert short.reason == (
        "no window has 20 distinct vectors whose neighbours lie at unequal distances"
    )
    # One-hot vectors, all equally far from each other.
    assert number(np.broadcast_to(np.eye(30), (2, 30, 30)), NAME).value is None
    some = rng.normal(size=(2, 30, 30))
    both = np.concatenate([some, np.eye(30)[np.newaxis]])
    assert number(both, NAME).value == pytest.approx(number(some, NAME).value, rel=1e-12)


def test_tensors_have_the_same() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(100, 6)) + 3
    X[40:50] = X[30:40]
    X[60:70] *= 1 + 2.0**-52
    X[70:80] = X[60:70] * (1 + 2.0**-52)
    rows, ends = np.arange(100), np.array([1, 3, 30, 90, 100])
    expected = two_nearest(X, rows, ends)
    found = two_nearest(torch.from_numpy(X), rows, ends)
    assert [one.shape for one in expected] == [(1, 0), (2, 1), (27, 2), (40, 2), (10, 2)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
