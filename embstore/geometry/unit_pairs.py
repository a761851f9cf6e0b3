"""Sums over all pairs of directions, a block of pairs at a time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from embstore.types import FloatArray

# Vectors in a block: a block of pairs takes 2 MiB.
_BLOCK = 512


def _blocks(X: NDArray[np.floating], norms: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
    for start in range(0, len(X), _BLOCK):
        part = slice(start, min(start + _BLOCK, len(X)))
        yield part, _directions(X, norms, part)


def _directions(X: NDArray[np.floating], norms: FloatArray, part: slice) -> FloatArray:
    """Return some vectors scaled to length one; those of length zero stay zero, (b, d)."""
    length = norms[part, np.newaxis]
    found = np.zeros(X[part].shape)
    np.divide(X[part], length, out=found, where=length > 0)
    return found


def squared_cosines(X: NDArray[np.floating], norms: FloatArray) -> FloatArray:
    """Sum for each vector the squared cosines with all, itself too, (n,).

    From the directions' second moment, (d, d), or from their products, block by block, where
    there are fewer vectors than dimensions. 0 for a vector of length zero.

    Args:
        X: (n, d).
        norms: their lengths, (n,).
    """
    n, d = X.shape
    sums = np.zeros(n)
    if d <= n:
        second = np.zeros((d, d))
        for _, U in _blocks(X, norms):
            second += U.T @ U
        for part, U in _blocks(X, norms):
            sums[part] = np.einsum("ij,ij->i", U @ second, U)
        return sums
    for part, U in _blocks(X, norms):
        for _, V in _blocks(X, norms):
            sums[part] += np.square(U @ V.T).sum(axis=1)
    return sums


def gaussian_sums(
    X: NDArray[np.floating], norms: FloatArray, windows: NDArray[np.int64], *, t: float
) -> FloatArray:
    """Sum for each vector exp(−t‖u − v‖²) over the directions v of other windows, (n,).

    Args:
        X: (n, d).
        norms: their lengths, (n,); a vector of length zero has no direction and is in no pair.
        windows: which each is from, (n,).
        t: how fast it falls with the squared distance.
    """
    sums = np.zeros(len(X))
    for part, U in _blocks(X, norms):
        for other, V in _blocks(X, norms):
            if other.start < part.start:
                continue
            near = np.exp(2 * t * (U @ V.T - 1.0))
            apart = windows[part, np.newaxis] != windows[other]
            apart &= (norms[part, np.newaxis] > 0) & (norms[other] > 0)
            near *= apart
            sums[part] += near.sum(axis=1)
            if other.start > part.start:
                sums[other] += near.sum(axis=0)
    return sums
