"""Cosine within windows against a loop over tokens."""

import numpy as np
import pytest

from embstore.measuring.vectors import measure_vectors
from tests.metrics.of_one_layer.windows import number, of_each


def test_it_is_the_mean_cosine_with_the_mean_of_the_window() -> None:
    X = np.random.default_rng(0).normal(size=(12, 7, 5)) + 0.4
    expected = []
    for window in X:
        mean = window.mean(axis=0)
        cosines = [x @ mean / np.linalg.norm(x) / np.linalg.norm(mean) for x in window]
        expected.append(np.mean(cosines))
    found = number(X, "window_cosine")
    assert found.value == pytest.approx(np.mean(expected), rel=1e-12)
    # Windows are independent: the error is that of a mean of twelve numbers.
    assert found.std_error == pytest.approx(np.std(expected, ddof=1) / 12**0.5, rel=1e-9)


def test_windows_of_one_direction_have_one_and_opposite_tokens_none() -> None:
    X = np.random.default_rng(1).normal(size=(10, 1, 8)) * np.arange(1, 5)[:, np.newaxis]
    assert number(X, "window_cosine").value == pytest.approx(1.0)
    opposite = np.concatenate([X, -X], axis=1)
    assert number(opposite, "window_cosine").value is None


def test_a_long_token_against_many_short_ones_is_below_zero() -> None:
    window = np.zeros((9, 3))
    window[0, 0], window[1:, 0] = 10.0, -1.0
    X = np.repeat(window[np.newaxis], 4, axis=0)
    assert of_each(X, "cosine") == pytest.approx([-7 / 9] * 4)


def test_rows_without_windows_have_none() -> None:
    found = measure_vectors(np.random.default_rng(2).normal(size=(50, 5))).measurements
    (one,) = (m for m in found if m.metric == "window_cosine")
    assert (one.value, one.reason) == (None, "no window has two vectors with a direction")
