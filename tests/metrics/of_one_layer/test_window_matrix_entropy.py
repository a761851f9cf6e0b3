"""Matrix entropy of windows against singular values, and the bound that one huge row sets."""

import math

import numpy as np
import pytest
import torch

from embstore.geometry.arithmetic.choose import arithmetic_of
from tests.metrics.of_one_layer.windows import number, of_each


@pytest.mark.parametrize(("length", "d"), [(7, 20), (30, 6)])
def test_it_is_the_entropy_of_the_squared_singular_values(length: int, d: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, length, d)) * rng.uniform(0.1, 9, size=(12, length, 1)) + 0.3
    p = np.square(np.linalg.svd(X, compute_uv=False))
    p /= p.sum(axis=1, keepdims=True)
    expected = -(p * np.log(p)).sum(axis=1)
    found = number(X, "window_matrix_entropy")
    assert found.value == pytest.approx(expected.mean(), rel=1e-12)
    assert found.std_error == pytest.approx(expected.std(ddof=1) / 12**0.5, rel=1e-9)


def test_rows_of_one_length_have_the_entropy_of_their_directions() -> None:
    X = np.random.default_rng(1).normal(size=(3, 9, 6))
    X *= 5 / np.linalg.norm(X, axis=2, keepdims=True)
    assert of_each(X, "matrix entropy") == pytest.approx(of_each(X, "entropy"), rel=1e-12)


def test_one_huge_row_brings_it_down_as_the_paper_says() -> None:
    """With p₁ of the energy in one direction, H is at most that of p₁ and an even rest."""
    rng = np.random.default_rng(2)
    window = rng.normal(size=(40, 64))
    for scale in (1.0, 30.0, 1e4):
        tall = window.copy()
        tall[0] *= scale
        energy = np.square(np.linalg.norm(tall, axis=1))
        p = np.square(np.linalg.svd(tall, compute_uv=False)) / energy.sum()
        bound = -p[0] * math.log(p[0]) - (1 - p[0]) * math.log((1 - p[0]) / 39)
        (found,) = of_each(tall[np.newaxis], "matrix entropy")
        assert 0 <= found <= bound * (1 + 1e-9)
    assert found < 1e-4
    # Directions do not see it.
    (even,) = of_each(tall[np.newaxis], "entropy")
    assert even > 3


def test_lengths_near_the_ends_of_the_range_and_zeros() -> None:
    X = np.random.default_rng(3).normal(size=(1, 5, 8))
    for factor in (1e-200, 1e150):
        assert of_each(factor * X, "matrix entropy") == pytest.approx(of_each(X, "matrix entropy"))
    assert np.isnan(of_each(np.zeros((1, 3, 4)), "matrix entropy")).all()
    one = np.concatenate([np.ones((1, 4)), np.zeros((2, 4))])
    assert of_each(one[np.newaxis], "matrix entropy") == pytest.approx([0.0], abs=1e-12)


def test_tensors_have_the_same() -> None:
    X = np.random.default_rng(4).normal(size=(20, 6)) * np.arange(1, 21)[:, np.newaxis]
    rows, ends = np.arange(20), np.array([1, 9, 20])
    expected = arithmetic_of(X).within_groups(X, rows, ends, "matrix entropy")
    tensor = torch.from_numpy(X)
    found = arithmetic_of(tensor).within_groups(tensor, rows, ends, "matrix entropy")
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert np.isnan(expected).tolist() == [True, False, False]
