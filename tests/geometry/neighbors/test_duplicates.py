"""Duplicates against NumPy's sorting of whole rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from embstore.geometry.neighbors import duplicates
from embstore.geometry.neighbors.duplicates import merge_duplicates


def by_sorting(X: NDArray[np.floating]) -> tuple[list[int], list[int]]:
    _, first, group = np.unique(X + 0.0, axis=0, return_index=True, return_inverse=True)
    kept = sorted(first.tolist())
    return kept, [kept.index(first[g]) for g in group.ravel()]


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 40),
    d=st.integers(1, 5),
    seed=st.integers(0, 99),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_first_occurrences_are_those_of_sorted_rows(
    n: int, d: int, seed: int, dtype: type[np.floating]
) -> None:
    # Signs, zeros of both signs and few values: many rows are equal, and many nearly.
    values = np.array([-2.0, -1.0, -0.0, 0.0, 1.0, 2.0])
    X = np.random.default_rng(seed).choice(values, size=(n, d)).astype(dtype)
    first, group = merge_duplicates(X)
    assert (first.tolist(), group.tolist()) == by_sorting(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_with_one_key_are_told_apart(
    dtype: type[np.floating], monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_alike(*arrays: NDArray[np.floating]) -> None:
        arrays[-1][:] = 7

    monkeypatch.setattr(duplicates, "_make_keys", all_alike)
    X = np.random.default_rng(0).integers(0, 2, size=(30, 3)).astype(dtype)
    first, group = merge_duplicates(X)
    assert (first.tolist(), group.tolist()) == by_sorting(X)


def test_of_no_rows_none_is_distinct() -> None:
    first, group = merge_duplicates(np.zeros((0, 4)))
    assert first.tolist() == group.tolist() == []


def test_keys_of_many_rows_differ() -> None:
    # All signs of twelve ones: what changes in a row is a single bit of each number.
    signs = np.array(list(np.ndindex(*[2] * 12))) * 2.0 - 1.0
    for X in (signs, signs.astype(np.float32)):
        keys = np.empty(len(X), dtype=np.uint64)
        duplicates._make_keys(X, duplicates._bits(X), duplicates._weights(12), keys)
        assert len(np.unique(keys)) == len(X)
