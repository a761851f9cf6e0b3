"""Anisotropy against singular values and closed forms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.geometry.moments import Moments
from embstore.metrics.of_one_layer.anisotropy import anisotropy
from embstore.metrics.of_one_layer.mean_cosine import mean_cosine
from tests.metrics.clouds import number_of


def test_it_is_the_share_of_the_first_singular_value(
    stretched: NDArray[np.float64], singular_values: NDArray[np.float64]
) -> None:
    expected = singular_values[0] ** 2 / (singular_values**2).sum()
    # float64 SVD and eigenvalues of the scatter agree to rounding of the condition number.
    assert number_of(stretched, "anisotropy") == pytest.approx(expected, rel=1e-9)


def test_a_round_cloud_and_a_line_reach_the_bounds() -> None:
    d = 7
    # The corners of a cross polytope: exactly equal variances.
    X = np.concatenate([np.eye(d), -np.eye(d)])
    assert anisotropy(Moments.of(X).eigenvalues()) == pytest.approx(1 / d)
    assert anisotropy(np.array([4.0, 0.0, 0.0])) == 1


def test_sinks_decide_anisotropy_but_not_mean_cosine() -> None:
    """The trap of metrics with variance: a share p of tokens with one coordinate moved by s.

    That coordinate's variance becomes 1 + p(1 - p)s², the others' stay 1; only pairs of
    moved tokens, p² of all, get a cosine near 1.
    """
    n, d, moved, s = 14_000, 60, 128, 400.0
    X = np.random.default_rng(0).normal(size=(n, d))
    assert number_of(X[:4000], "anisotropy") < 0.025
    X[:moved, 5] += s
    p = moved / n
    variance = 1 + p * (1 - p) * s**2
    moments = Moments.of(X)
    # The other coordinates' variances are known to sqrt(2 / (n d)), .15 %.
    found = anisotropy(moments.eigenvalues())
    assert found == pytest.approx(variance / (variance + d - 1), rel=5e-3)
    # p² is 8e-5; chance adds about 1 / n.
    assert abs(mean_cosine(moments.unit_sum, n)) < 3e-4
