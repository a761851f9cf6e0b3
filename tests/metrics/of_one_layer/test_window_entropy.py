"""Entropy within windows against closed forms and singular values."""

import math

import numpy as np
import pytest

from tests.metrics.of_one_layer.windows import number, of_each


@pytest.mark.parametrize(("length", "d"), [(7, 20), (30, 6)])
def test_it_is_the_entropy_of_the_squared_singular_values(length: int, d: int) -> None:
    X = np.random.default_rng(0).normal(size=(12, length, d)) + 0.3
    U = X / np.linalg.norm(X, axis=2, keepdims=True)
    p = np.square(np.linalg.svd(U, compute_uv=False)) / length
    expected = -(p * np.log(p)).sum(axis=1)
    found = number(X, "window_entropy")
    assert found.value == pytest.approx(expected.mean(), rel=1e-12)
    assert found.std_error == pytest.approx(expected.std(ddof=1) / 12**0.5, rel=1e-9)


def test_one_direction_has_none_and_right_angles_all() -> None:
    along = np.random.default_rng(1).normal(size=(1, 8)) * np.arange(1, 6)[:, np.newaxis]
    axes = np.diag(np.arange(1.0, 9))[:5]
    halves = np.concatenate([axes[:1], axes[:1], axes[1:2], axes[1:2]])
    found = [float(of_each(window[np.newaxis], "entropy")[0]) for window in (along, axes, halves)]
    assert found == pytest.approx([0, math.log(5), math.log(2)], abs=1e-12)


def test_zero_vectors_have_no_direction() -> None:
    window = np.concatenate([np.eye(4), np.zeros((3, 4))])
    assert of_each(window[np.newaxis], "entropy") == pytest.approx([math.log(4)])
    assert np.isnan(of_each(np.zeros((1, 3, 4)), "entropy")).all()
