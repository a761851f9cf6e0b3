"""Vectors that are there more than once: found in one pass, by a number made of each."""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import compiled
from embstore.geometry.moments import compilable


def merge_duplicates(
    X: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the distinct rows of ``X``, (n, d).

    Returns:
        The first occurrence of each distinct row, ascending, (n_distinct,), and for
        every row the position of its distinct row among those, (n,).
    """
    X = np.ascontiguousarray(compilable(X))
    keys = np.empty(len(X), dtype=np.uint64)
    _make_keys(X, _bits(X), _weights(X.shape[1]), keys)
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    if not _all_equal(X, first, group):
        # Two that differ have one key, of 2^64: rows themselves are sorted, which takes longer.
        rows = (X + 0.0).view(np.dtype((np.void, X.dtype.itemsize * X.shape[1]))).ravel()
        _, first, group = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order].astype(np.int64), rank[group].astype(np.int64)


def _bits(X: NDArray[np.floating]) -> NDArray[np.unsignedinteger]:
    """Return the same memory as whole numbers, (n, d)."""
    return X.view(np.uint32) if X.dtype == np.float32 else X.view(np.uint64)


def _weights(d: int) -> NDArray[np.uint64]:
    """Odd numbers by a fixed draw: any will do, (d,)."""
    return np.random.default_rng(0).integers(1 << 63, size=d, dtype=np.uint64) | np.uint64(1)


@compiled()
def _make_keys(
    X: NDArray[np.floating],
    bits: NDArray[np.unsignedinteger],
    weights: NDArray[np.uint64],
    keys: NDArray[np.uint64],
) -> None:
    """Fill ``keys``, (n,), with a sum over each row of its ``bits``, (n, d), times the weights."""
    n, d = X.shape
    for i in range(n):
        key = np.uint64(0)
        for c in range(d):
            # 0.0 and -0.0 are equal numbers of unequal bits.
            word = np.uint64(bits[i, c]) if X[i, c] != 0 else np.uint64(0)
            # A sign alone would move the last bit of a key, and two signs not even that.
            key += (word ^ (word >> np.uint64(32))) * weights[c]
        keys[i] = key


@compiled()
def _all_equal(X: NDArray[np.floating], first: NDArray[np.int64], group: NDArray[np.int64]) -> bool:
    """Tell whether all rows of each group, (n,), equal the first of it."""
    for i in range(len(X)):
        start = first[group[i]]
        if start == i:
            continue
        for c in range(X.shape[1]):
            if X[i, c] != X[start, c]:
                return False
    return True
