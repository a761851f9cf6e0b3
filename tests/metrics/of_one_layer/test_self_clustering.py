"""Self-clustering against the Gram matrix, closed forms, and windows left out."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.metric import MetricValue, evaluate
from embstore.metrics.registry import METRICS
from tests import manifolds
from tests.metrics.clouds import cloud_of


def found(X: NDArray[np.floating], windows: NDArray[np.int64] | None = None) -> MetricValue:
    return evaluate(METRICS["self_clustering"], cloud_of(X, windows))


@pytest.mark.parametrize(("n", "d"), [(300, 12), (40, 90)])
def test_it_is_the_published_formula_on_the_gram_matrix(n: int, d: int) -> None:
    X = np.random.default_rng(0).normal(size=(n, d)) + 0.5
    X[7] = 0  # has no direction
    U = np.delete(X, 7, axis=0)
    U /= np.linalg.norm(U, axis=1, keepdims=True)
    n -= 1
    norm = np.linalg.norm(U @ U.T, "fro") ** 2
    random = n + n * (n - 1) / d
    value = found(X)
    assert value.value == pytest.approx((norm - random) / (n**2 - random), rel=1e-12)
    assert value.n == n


@pytest.mark.parametrize("d", [2, 30, 400])
def test_random_directions_have_none(d: int) -> None:
    X = np.random.default_rng(d).normal(size=(1000, d))
    # Half a million squared cosines, each of variance below 2/d², over 1 − 1/d.
    assert found(X).value == pytest.approx(0, abs=6 * np.sqrt(2 / 5e5) / d)


def test_its_ends() -> None:
    # One direction and its opposite; then as far apart as three can be in a plane.
    assert found(np.outer([1.0, -2.0, 3.0], [1.0, 2.0])).value == pytest.approx(1, rel=1e-14)
    angles = 2 * np.pi * np.arange(3) / 3
    triangle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert found(triangle).value == pytest.approx(-1 / 2, rel=1e-14)
    assert found(np.eye(8)).value == pytest.approx(-1 / 7, rel=1e-14)


def test_clusters_of_equal_directions_have_the_closed_form() -> None:
    """g orthogonal directions, m vectors each: ‖UUᵀ‖² = g m²."""
    g, m, d = 5, 20, 16
    X = np.repeat(manifolds.rotation(d, g, 0).T, m, axis=0)
    n = g * m
    random = n + n * (n - 1) / d
    assert found(X).value == pytest.approx((g * m**2 - random) / (n**2 - random), rel=1e-12)


def test_the_error_is_that_of_leaving_windows_out() -> None:
    rng = np.random.default_rng(2)
    windows = np.repeat(np.arange(25), 16)
    X = rng.normal(size=(400, 8)) + 0.7 * rng.normal(size=(25, 8))[windows] + 0.5
    X[3] = 0
    value = found(X, windows)
    without = [found(X[windows != g], windows[windows != g]).value for g in range(25)]
    assert value.interval is not None
    # A jackknife of 25 windows sees curvature, and the pairs of one window.
    expected = np.std(np.array(without, dtype=float)) * np.sqrt(24)
    assert value.interval.std_error == pytest.approx(expected, rel=0.1)


def test_an_undefined_one_says_why() -> None:
    line = found(np.arange(1.0, 30.0)[:, np.newaxis])
    assert line.reason == "needs more than one dimension"
    assert found(np.zeros((30, 4))).reason == "0 vectors with a direction"
