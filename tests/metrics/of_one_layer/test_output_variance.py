"""Output variance against numpy's over each coordinate, and populations of known variance."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.of_one_layer.output_variance import output_variance
from tests.metrics.clouds import number_of, numbers_of, values_of


def test_it_is_the_mean_over_coordinates_of_their_variance(stretched: NDArray[np.float64]) -> None:
    expected = stretched.var(axis=0, ddof=1).mean()
    assert number_of(stretched, "output_variance") == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_it_has_no_bias_of_few_tokens() -> None:
    found = [
        numbers_of(3 * np.random.default_rng(seed).normal(size=(30, 64)))["output_variance"]
        for seed in range(50)
    ]
    # A variance of 9 from 50 · 30 · 64 numbers: √(2 / 96,000) of it.
    assert np.mean(found) == pytest.approx(9, rel=3 * np.sqrt(2 / 96_000))


def test_equal_vectors_vary_by_nothing_and_one_vector_is_too_few() -> None:
    assert output_variance(np.zeros(4)) == 0
    assert values_of(np.ones((30, 4)))["output_variance"].value == 0
    alone = values_of(np.ones((1, 4)))["output_variance"]
    assert (alone.value, alone.reason) == (None, "1 tokens")
