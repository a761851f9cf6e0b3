"""Totals of windows: textbook variances of cluster and of two-stage samples."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embstore.metrics.clusters import Clusters, Totals

N_WINDOWS, WINDOW = 20, 50
WINDOWS = np.repeat(np.arange(N_WINDOWS), WINDOW)
NONE = np.zeros(len(WINDOWS), dtype=bool)


def test_windows_are_numbered_without_gaps() -> None:
    clusters = Clusters.of(np.array([2, 2, 5, 9, 9, 9]))
    assert clusters.cells.tolist() == [0, 0, 1, 2, 2, 2]
    assert clusters.windows.tolist() == [2, 5, 9]
    np.testing.assert_array_equal(clusters.sums(np.arange(6.0)), [1, 2, 12])


def test_the_totals_have_the_spread_of_the_error_and_no_sum() -> None:
    rng = np.random.default_rng(0)
    clusters = Clusters.of(WINDOWS)
    totals = clusters.totals(clusters.sums(rng.normal(size=len(WINDOWS)) + WINDOWS))
    assert totals is not None
    assert totals.windows.sum() == pytest.approx(0, abs=1e-12)
    expected = np.sqrt(np.square(totals.windows).sum() * N_WINDOWS / (N_WINDOWS - 1))
    assert totals.error == pytest.approx(expected, rel=1e-12)


def test_a_sum_that_is_not_finite_has_no_totals() -> None:
    assert Totals.of(np.array([1.0, np.nan]), np.arange(2)) is None
    assert Totals.of(np.array([1.0]), np.arange(1)) is None
    clusters = Clusters.of(np.array([0, 1]))
    assert clusters.totals(np.array([np.inf, 0.0])) is None


def sampled(rng: np.random.Generator, x: NDArray[np.float64], kept: int) -> Totals:
    """Totals of a mean of x, (1000,), from ``kept`` tokens of each window."""
    order = np.argsort(rng.random((N_WINDOWS, WINDOW)), axis=1)[:, :kept]
    rows = np.sort((order + WINDOW * np.arange(N_WINDOWS)[:, np.newaxis]).ravel())
    counts = np.full(N_WINDOWS, WINDOW)
    none = np.zeros(len(rows), dtype=bool)
    clusters = Clusters.of_sample(WINDOWS[rows], none, ~none, counts, n_windows=N_WINDOWS)
    totals = clusters.totals(clusters.sums(x[rows]))
    assert totals is not None
    return totals


@pytest.mark.parametrize("effect", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kept", [25, 12])
def test_a_part_of_the_tokens_gives_the_error_of_all(effect: float, kept: int) -> None:
    """Against the true variance of a mean over all tokens of windows with effects."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        x = effect * rng.normal(size=N_WINDOWS)[WINDOWS] + rng.normal(size=len(WINDOWS))
        found.append(sampled(rng, x, kept).error ** 2)
    true = effect**2 / N_WINDOWS + 1 / len(WINDOWS)
    # 300 samples tell 5 %. With no effect, half of the estimates fall below what independent
    # tokens have, and are set to that: too large by up to two fifths of the root.
    assert 0.9 < np.mean(found) / true < (2.0 if effect == 0 else 1.3 if effect == 0.3 else 1.1)
    if effect:
        # Without taking off the chance in the choice, it would be too large.
        raw = effect**2 / N_WINDOWS + 1 / (kept * N_WINDOWS)
        assert np.mean(found) < 0.5 * (true + raw) or raw < 1.1 * true


def test_units_kept_whole_count_once_and_certainly() -> None:
    """One token of a window decides all, and is kept; the others are a sample of equals."""
    rng = np.random.default_rng(0)
    x = np.zeros(len(WINDOWS))
    first = np.arange(0, len(WINDOWS), WINDOW)
    x[first] = 1000 + rng.normal(size=N_WINDOWS)
    alone = NONE.copy()
    alone[first] = True
    part = NONE.copy()
    part[first + 1] = part[first + 2] = True
    counts = np.full(N_WINDOWS, WINDOW - 1)
    clusters = Clusters.of_sample(WINDOWS, alone, part, counts, n_windows=N_WINDOWS)
    totals = clusters.totals(clusters.sums(x))
    assert totals is not None
    expected = x[first].std(ddof=1) * np.sqrt(N_WINDOWS) / len(WINDOWS)
    assert totals.error == pytest.approx(expected, rel=1e-9)


def test_all_tokens_kept_is_no_sample() -> None:
    x = np.random.default_rng(0).normal(size=len(WINDOWS)) + WINDOWS
    whole, same = (
        Clusters.of(WINDOWS),
        Clusters.of_sample(WINDOWS, NONE, ~NONE, np.full(N_WINDOWS, WINDOW), n_windows=N_WINDOWS),
    )
    expected, found = whole.totals(whole.sums(x)), same.totals(same.sums(x))
    assert expected is not None
    assert found is not None
    assert found.error == pytest.approx(expected.error, rel=1e-12)
    np.testing.assert_allclose(found.windows, expected.windows, atol=1e-12)


def test_windows_that_were_not_seen_are_like_the_others() -> None:
    """The finite population is four times as large: its mean varies half as much."""
    x = np.random.default_rng(0).normal(size=200)
    rows, one = np.arange(0, 200, 4), np.ones(200, dtype=np.int64)
    none = np.zeros(len(rows), dtype=bool)
    clusters = Clusters.of_sample(rows, none, ~none, one, n_windows=200)
    totals = clusters.totals(clusters.sums(x[rows]))
    assert totals is not None
    assert totals.error == pytest.approx(x[rows].std(ddof=1) / np.sqrt(200), rel=1e-12)


@pytest.mark.parametrize("shared", [False, True])
def test_what_is_kept_whole_and_what_is_drawn_stand_for_their_own_windows(shared: bool) -> None:
    """Against the true variance of a mean over 400 windows, of a quarter of which tokens are drawn.

    Windows have four ordinary tokens. A long one, that is kept, is in each of them, or in every
    tenth, and then alone.
    """
    rng = np.random.default_rng(0)
    n_windows, ordinary = 400, 4
    long = np.ones(n_windows, bool) if shared else np.arange(n_windows) % 10 == 0
    others = np.full(n_windows, ordinary) if shared else np.where(long, 0, ordinary)
    tokens = np.repeat(np.arange(n_windows), others)
    windows = np.concatenate([np.flatnonzero(long), tokens])
    n = len(windows)
    found, means = [], []
    for _ in range(200):
        x = rng.normal(size=n)
        x[: long.sum()] *= 5
        # Two of the tokens are drawn, where any are.
        some = rng.permutation(np.unique(tokens))[: n_windows // 4]
        alone = np.arange(n) < long.sum()
        place = np.concatenate([np.full(long.sum(), ordinary), np.arange(len(tokens)) % ordinary])
        drawn = np.isin(windows, some) & (place < 2)
        clusters = Clusters.of_sample(
            windows, alone, drawn, others, n_windows=n_windows, whole=long.astype(np.int64)
        )
        totals = clusters.totals(clusters.sums(x))
        assert totals is not None
        assert totals.windows.sum() == pytest.approx(0, abs=1e-12)
        found.append(totals.error**2)
        means.append(x.mean())
    true = (25 * long.sum() + len(tokens)) / n**2
    # 200 samples tell a variance to 10 %; twice that.
    assert np.var(means) == pytest.approx(true, rel=0.2)
    # One sample's error is told by 40 long tokens to a quarter, the mean of 200 to 2 %. Of what is
    # drawn, pairs tell too much rather than too little.
    assert 0.94 < np.mean(found) / true < 1.15


def test_as_many_of_both_kinds_seen_is_as_if_there_were_one() -> None:
    """Windows up to some number: bit for bit, since either share is the same."""
    rng = np.random.default_rng(0)
    alone = np.arange(len(WINDOWS)) % WINDOW == 0
    drawn = ~alone & (np.arange(len(WINDOWS)) % 3 == 0)
    alone, drawn = alone & (WINDOWS < 15), drawn & (WINDOWS < 15)
    others, whole = np.full(N_WINDOWS, WINDOW - 1), np.ones(N_WINDOWS, dtype=np.int64)
    x = rng.normal(size=len(WINDOWS))
    found = []
    for known in (None, whole):
        clusters = Clusters.of_sample(
            WINDOWS, alone, drawn, others, n_windows=N_WINDOWS, whole=known
        )
        totals = clusters.totals(clusters.sums(x))
        assert totals is not None
        found.append(totals)
    assert found[0].error == found[1].error
    np.testing.assert_array_equal(found[0].windows, found[1].windows)
