"""Fewer vectors than dimensions: numbers and errors are those of the large decomposition."""

from dataclasses import replace

import numpy as np
import pytest

from embstore.metrics.families import spectral
from embstore.metrics.metric import evaluate
from embstore.metrics.one_layer import Cloud
from embstore.metrics.registry import METRICS
from tests.metrics.clouds import cloud_of

OF_SPECTRUM = [name for name, metric in METRICS.items() if metric.family is spectral.FAMILY]


def both(n: int = 60, d: int = 96) -> tuple[Cloud, Cloud]:
    """One cloud whose vectors are all in its sample, and the same with one of them missing."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(n, d)) * np.arange(1, d + 1) ** -0.5 + rng.normal(size=d)
    X[20:24] = X[0]
    X[0, 0] += 50.0
    cloud = cloud_of(X.astype(np.float32), np.repeat(np.arange(n // 6), 6))
    return cloud, replace(cloud, sample=cloud.sample[1:])


@pytest.mark.parametrize("name", OF_SPECTRUM)
def test_numbers_and_errors_are_those_of_the_sum(name: str) -> None:
    few, usual = (evaluate(METRICS[name], cloud) for cloud in both())
    # Both decompositions are of float64 and right to 1e-13 of the largest value.
    assert few.value == pytest.approx(usual.value, rel=1e-11)
    assert few.n == usual.n
    if usual.interval is None:
        assert few.interval is None
        return
    assert few.interval is not None
    # Projections are made in float32.
    assert few.interval.std_error == pytest.approx(usual.interval.std_error, rel=1e-5)


@pytest.mark.parametrize("name", OF_SPECTRUM)
def test_numbers_without_errors_are_the_same(name: str) -> None:
    few, usual = (replace(cloud, eigen="values") for cloud in both())
    values = [evaluate(METRICS[name], cloud, intervals=False).value for cloud in (few, usual)]
    assert values[0] == pytest.approx(values[1], rel=1e-11)


def test_no_direction_is_made_that_has_no_variance() -> None:
    few, usual = both()
    # 60 vectors, four of them equal to each other.
    assert few._eigen[1].shape == (96, 56)
    assert usual._eigen[1].shape == (96, 96)
    assert few.variance_sums.shape == usual.variance_sums.shape
