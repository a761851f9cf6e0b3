"""Sampled tokens are spread evenly over windows, and drawn by seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embstore.errors import UsageError
from embstore.inputs.token_sample import sample_positions, sample_rows


@given(
    n_windows=st.integers(1, 12),
    window=st.integers(1, 20),
    sample=st.integers(1, 300),
    seed=st.integers(0, 2**64),
)
def test_sample_is_spread_evenly(n_windows: int, window: int, sample: int, seed: int) -> None:
    positions = sample_positions(n_windows, window, sample, seed)
    total = min(sample, n_windows * window)
    assert positions.dtype == np.int64
    assert len(positions) == total
    assert (np.diff(positions) > 0).all()
    assert positions[0] >= 0
    assert positions[-1] < n_windows * window
    per_window = np.bincount(positions // window, minlength=n_windows)
    assert set(per_window) <= {total // n_windows, -(-total // n_windows)}
    assert np.array_equal(positions, sample_positions(n_windows, window, sample, seed))


@given(
    lengths=st.lists(st.integers(0, 15), min_size=1, max_size=8),
    sample=st.integers(1, 130),
    seed=st.integers(0, 99),
)
def test_masked_tokens_are_never_sampled_and_others_make_up(
    lengths: list[int], sample: int, seed: int
) -> None:
    mask = np.arange(15) < np.array(lengths)[:, np.newaxis]
    positions = sample_positions(len(lengths), 15, sample, seed, mask)
    assert mask.ravel()[positions].all()
    assert len(set(positions.tolist())) == len(positions) == min(sample, sum(lengths))
    per_window = np.bincount(positions // 15, minlength=len(lengths))
    # Even as far as it goes: nobody who had more to give stays two behind the fullest.
    behind = per_window[per_window < np.array(lengths)]
    assert all(count >= per_window.max() - 1 for count in behind)


def test_every_position_is_equally_likely() -> None:
    counts = np.zeros(30)
    for seed in range(2000):
        counts[sample_positions(3, 10, 7, seed)] += 1
    # Binomial with mean 2000 * 7 / 30 = 466.7, standard deviation 18.9; 30 of them
    # stay within 4.
    assert np.abs(counts - 14_000 / 30).max() < 76


def test_sample_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^sample must be at least 1, not 0$"):
        sample_positions(2, 10, 0, seed=0)


@given(
    n_windows=st.integers(1, 12),
    window=st.integers(1, 20),
    sample=st.integers(1, 300),
    seed=st.integers(0, 2**64),
)
def test_rows_of_windows_of_one_length_are_those_positions(
    n_windows: int, window: int, sample: int, seed: int
) -> None:
    rows = sample_rows(np.full(n_windows, window), sample, seed)
    assert np.array_equal(rows, sample_positions(n_windows, window, sample, seed))


@given(
    counts=st.lists(st.integers(1, 15), min_size=1, max_size=8),
    sample=st.integers(1, 130),
    seed=st.integers(0, 99),
)
def test_rows_of_short_windows_are_made_up_by_long_ones(
    counts: list[int], sample: int, seed: int
) -> None:
    rows = sample_rows(np.array(counts), sample, seed)
    assert len(rows) == min(sample, sum(counts))
    assert (np.diff(rows) > 0).all()
    taken = np.bincount(np.repeat(np.arange(len(counts)), counts)[rows], minlength=len(counts))
    # A window gives less than another only if it has no more to give.
    assert all(n == m or n >= max(taken) - 1 for n, m in zip(taken, counts, strict=True))
