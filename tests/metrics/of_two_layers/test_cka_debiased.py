"""Debiased CKA against Gram matrices, and on independent noise."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.metric import evaluate
from embstore.metrics.registry import PAIR_METRICS
from tests import manifolds
from tests.metrics.pairs import D, numbers_of_pair, pair_of, two_layers

METRIC = PAIR_METRICS["cka_debiased_next"]


def hsic(K: NDArray[np.float64], L: NDArray[np.float64]) -> float:
    """Song et al. 2012, eq. 5: the unbiased estimate from (n, n) matrices."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    one = np.ones(n)
    total = (
        np.trace(K @ L)
        + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * (one @ K @ L @ one)
    )
    return float(total / (n * (n - 3)))


def test_of_tokens_of_their_own_it_is_that_of_the_gram_matrices() -> None:
    X, Y = two_layers()
    K, L = X @ X.T, Y @ Y.T
    expected = hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))
    assert numbers_of_pair(X, Y)["cka_debiased_next"] == pytest.approx(expected, rel=1e-9)


def test_independent_noise_reads_zero_and_biased_two_thirds() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 128, 256))
    pair = pair_of(X, Y)
    biased, debiased = (evaluate(PAIR_METRICS[n], pair).value for n in ("cka_next", METRIC.name))
    # Means over samples are .665 and 0; one of 128 tokens differs by some thousandths.
    assert biased == pytest.approx(0.665, abs=0.01)
    assert debiased == pytest.approx(0, abs=0.02)


def test_windows_that_move_together_do_not_count_as_likeness() -> None:
    """Independent layers whose tokens resemble each other within windows."""
    rng = np.random.default_rng(0)
    windows = np.repeat(np.arange(32), 16)
    X, Y = (rng.normal(size=(32, 64))[windows] + 0.5 * rng.normal(size=(512, 64)) for _ in range(2))
    apart, alone = (
        evaluate(METRIC, pair_of(X, Y, labels)).value for labels in (windows, np.arange(512))
    )
    assert apart == pytest.approx(0, abs=0.05)
    # With 32 windows in 64 dimensions, tokens taken as independent look alike.
    assert alone is not None
    assert alone > 0.5


def test_it_does_not_see_rotation_scale_or_shift_of_one_layer() -> None:
    X, _ = two_layers()
    Y = 3 * X @ manifolds.rotation(D, D, 5) + 1
    assert numbers_of_pair(X, Y)["cka_debiased_next"] == pytest.approx(1, abs=1e-9)


def test_too_few_windows_give_a_reason() -> None:
    X, Y = two_layers()
    found = evaluate(METRIC, pair_of(X, Y, np.arange(len(X)) % 3))
    assert found.value is None
    assert found.reason is not None
    assert found.reason.startswith("3 windows: needs four")
