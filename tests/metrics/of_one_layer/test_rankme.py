"""RankMe against singular values of the vectors as they are."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.measuring.vectors import measure_vectors
from embstore.metrics.metric import evaluate
from embstore.metrics.registry import METRICS
from tests.metrics.clouds import cloud_of, number_of, numbers_of


def oracle(X: NDArray[np.floating]) -> float:
    """Garrido et al. 2023, eq. 2, without the 1e-7 that is added to each share."""
    s = np.linalg.svd(X, compute_uv=False)
    q = s[s > 0] / s.sum()
    return float(np.exp(-(q * np.log(q)).sum()))


def test_it_is_the_entropy_of_the_singular_values_as_they_are(
    stretched: NDArray[np.float64],
) -> None:
    assert number_of(stretched, "rankme") == pytest.approx(oracle(stretched), rel=1e-9)


def test_a_common_direction_takes_it_far_below_the_effective_rank() -> None:
    X = np.random.default_rng(0).normal(size=(400, 64)) + 5.0
    numbers = numbers_of(X)
    # As found with SVD for 400 vectors of 64 dimensions with this mean cosine.
    assert numbers["mean_cosine"] == pytest.approx(0.96, abs=0.005)
    assert numbers["rankme"] == pytest.approx(23.8, abs=0.5)
    assert numbers["effective_rank"] == pytest.approx(62.7, abs=0.3)
    assert numbers["rankme"] == pytest.approx(oracle(X), rel=1e-9)


def test_fewer_vectors_than_dimensions_have_one_direction_more_than_centred() -> None:
    X = np.random.default_rng(0).normal(size=(30, 50)) + 0.5
    assert number_of(X, "rankme") == pytest.approx(oracle(X), rel=1e-9)


def test_equal_vectors_are_one_direction_and_zero_ones_none() -> None:
    metric = METRICS["rankme"]
    equal = evaluate(metric, cloud_of(np.full((30, 4), 7.0)))
    assert equal.value == pytest.approx(1, rel=1e-12)
    zero = evaluate(metric, cloud_of(np.zeros((30, 4))))
    assert (zero.value, zero.reason) == (None, "all vectors are zero")


@pytest.mark.parametrize("seed", range(8))
def test_a_coordinate_that_repeats_another_says_nothing_about_the_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(120, 24)).astype(np.float32) + np.float32(1)
    # Rounded, these are longer than nothing along the direction that is left empty.
    X[::20] *= 300
    apart = np.delete(X.astype(np.float64), 5, axis=1)
    # Two equal coordinates are one, turned by 45 degrees.
    apart[:, 3] *= 2**0.5
    twice = X.copy()
    twice[:, 5] = twice[:, 3]
    windows = np.arange(120) // 20
    one, other = (
        next(m for m in measure_vectors(Z, windows=windows).measurements if m.metric == "rankme")
        for Z in (apart, twice)
    )
    assert other.value == pytest.approx(one.value, rel=1e-9)
    assert other.std_error == pytest.approx(one.std_error, rel=1e-5)
