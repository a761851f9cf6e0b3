"""Uniformity against the authors' own line of code, closed forms, and windows left out."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import ive

from embstore.metrics.metric import MetricValue, evaluate
from embstore.metrics.registry import METRICS
from tests.metrics.clouds import cloud_of


def found(X: NDArray[np.floating], windows: NDArray[np.int64] | None = None) -> MetricValue:
    return evaluate(METRICS["uniformity"], cloud_of(X, windows))


def test_without_windows_it_is_the_authors_loss() -> None:
    X = np.random.default_rng(0).normal(size=(300, 12)) + 0.5
    X[7] = 0  # has no direction
    U = torch.from_numpy(np.delete(X, 7, axis=0))
    U = U / U.norm(dim=1, keepdim=True)
    expected = torch.pdist(U, p=2).pow(2).mul(-2).exp().mean().log()
    value = found(X)
    assert value.value == pytest.approx(float(expected), rel=1e-12)
    assert value.n == 299


@pytest.mark.parametrize("d", [2, 3, 16, 256])
def test_random_directions_have_the_closed_form(d: int) -> None:
    """The mean of exp(4 cos θ − 4) over the sphere, a Bessel function."""
    X = np.random.default_rng(d).normal(size=(1500, d))
    order = d / 2 - 1
    with np.errstate(divide="ignore"):
        log_gamma = float(torch.lgamma(torch.tensor(d / 2, dtype=torch.float64)))
    expected = log_gamma + order * np.log(2 / 4.0) + np.log(ive(order, 4.0))
    # A million pairs, and 1,500 vectors.
    assert found(X).value == pytest.approx(expected, abs=0.01)


def test_its_ends() -> None:
    assert found(np.outer(np.arange(1.0, 5.0), [1.0, 2.0])).value == pytest.approx(0, abs=1e-14)
    assert found(np.array([[1.0, 0.0], [-3.0, 0.0]])).value == pytest.approx(-8, rel=1e-14)


def test_pairs_of_one_window_are_left_out() -> None:
    rng = np.random.default_rng(1)
    windows = np.repeat(np.arange(12), 20)
    apart = rng.normal(size=(240, 8))
    alike = apart.copy()
    # The tokens of each window are nearly one vector; windows are independent either way.
    alike[:] = rng.normal(size=(12, 8))[windows] + 0.01 * rng.normal(size=(240, 8))
    U = alike / np.linalg.norm(alike, axis=1, keepdims=True)
    near = np.exp(4 * (U @ U.T - 1))
    expected = np.log(near[windows[:, None] != windows].mean())
    assert found(alike, windows).value == pytest.approx(expected, rel=1e-12)
    assert found(alike, windows).value != pytest.approx(found(alike).value, rel=0.01)


@pytest.mark.parametrize("n_windows", [5, 25])
def test_the_error_is_that_of_leaving_windows_out(n_windows: int) -> None:
    rng = np.random.default_rng(2)
    windows = np.repeat(np.arange(n_windows), 16)
    X = rng.normal(size=(len(windows), 8)) + 0.5
    X += 0.7 * rng.normal(size=(n_windows, 8))[windows]
    value = found(X, windows)
    kept = [windows != g for g in range(n_windows)]
    without = [found(X[keep], windows[keep]).value for keep in kept]
    assert value.interval is not None
    # A jackknife sees curvature, the more so the fewer windows there are.
    expected = np.std(np.array(without, dtype=float)) * np.sqrt(n_windows - 1)
    assert value.interval.std_error == pytest.approx(expected, rel=0.5 / n_windows)


def test_two_windows_have_no_error() -> None:
    """They have the same pairs."""
    X = np.random.default_rng(3).normal(size=(40, 8))
    assert found(X, np.arange(40) // 20).interval is None


def test_an_undefined_one_says_why() -> None:
    X = np.random.default_rng(0).normal(size=(30, 4))
    one = found(X, np.zeros(30, dtype=np.int64))
    assert one.reason == "1 window: it compares different ones"
    assert found(np.zeros((30, 4))).reason == "0 vectors with a direction"
