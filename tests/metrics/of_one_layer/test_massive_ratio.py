"""The massive activation ratio against NumPy's extremes."""

from dataclasses import replace

import numpy as np
import pytest

from embstore.metrics.metric import evaluate
from tests.metrics.clouds import OF_VECTORS, cloud_of, number_of


def test_it_is_the_largest_coordinate_over_the_median() -> None:
    X = np.random.default_rng(0).normal(size=(500, 6))
    X[3, 2] = 1000.0
    assert number_of(X, "massive_ratio") == pytest.approx(1000 / np.median(np.abs(X)))


def test_without_a_sample_there_is_no_usual_coordinate() -> None:
    cloud = cloud_of(np.random.default_rng(0).normal(size=(30, 4)))
    found = evaluate(OF_VECTORS["massive_ratio"], replace(cloud, sample=np.zeros((0, 4))))
    assert found.value is None
    assert found.reason == "none of the 30 tokens is in the sample"
