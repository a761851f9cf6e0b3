"""The spectrum of fewer vectors than dimensions, from their products with each other.

The sum of xxᵀ over n vectors, (d, d), and the vectors' products with each other, (n, n), have
the same eigenvalues but for zeros, and each gives the other's eigenvectors (Turk & Pentland
1991, doi 10.1162/jocn.1991.3.1.71). So a decomposition costs n³ in place of d³. It takes the
vectors themselves: from sums alone their products cannot be had.
"""

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.arithmetic.choose import eigh, eigvalsh, matmul
from embstore.geometry.moments import EPS, Moments, compilable
from embstore.geometry.rank_one import add_outer_product
from embstore.geometry.row_loops import centre_rows
from embstore.types import FloatArray


def eigenvalues_of(X: NDArray[np.floating], moments: Moments, device: str = "cpu") -> FloatArray:
    """Return ``moments.eigenvalues()`` from all of the vectors.

    Args:
        X: (n, d), finite, with n < d.
        moments: theirs.
        device: where they are computed, if it has float64.

    Returns:
        Covariance eigenvalues, largest first, (d,).
    """
    scale = moments.scale
    if scale == 0:
        return np.zeros(X.shape[1])
    centred = _centred(X, moments.mean, scale)
    return _padded(eigvalsh(matmul(centred, centred.T, device), device)[::-1], X.shape[1], moments)


def eigen_of(
    X: NDArray[np.floating], moments: Moments, device: str = "cpu"
) -> tuple[FloatArray, FloatArray]:
    """Return ``moments.eigen()`` from all of the vectors, without directions of no variance.

    Args:
        X: (n, d), finite, with n < d.
        moments: theirs.
        device: where they are computed, if it has float64.

    Returns:
        All eigenvalues, largest first, (d,), and the unit vectors of those that are not zero,
        as columns in the same order, (d, <= n - 1).
    """
    d = X.shape[1]
    scale = moments.scale
    if scale == 0:
        return np.zeros(d), np.zeros((d, 0))
    centred = _centred(X, moments.mean, scale)
    found, combinations = eigh(matmul(centred, centred.T, device), device)
    values = _padded(found[::-1], d, moments)
    rank = int((values > 0).sum())
    directions = matmul(centred.T, combinations[:, ::-1][:, :rank], device)
    # Their lengths are the roots of the eigenvalues, and small ones of these are rounded.
    directions /= np.linalg.norm(directions, axis=0)
    return values, directions


def add_mean(
    values: FloatArray, directions: FloatArray, mean: FloatArray, device: str = "cpu"
) -> tuple[FloatArray, FloatArray]:
    """Return eigenvalues and directions of a matrix plus ``mean`` times itself.

    Args:
        values: of the matrix, largest first, (d,).
        directions: unit vectors of those that are not zero, as columns, (d, k), k < d.
        mean: (d,).
        device: where directions are turned, if it has float64.

    Returns:
        As given, with up to k + 1 directions.
    """
    d, k = directions.shape
    peak = float(np.abs(mean).max())
    if not peak > 0:
        return values, directions
    along = mean / peak
    # Twice: what is left of the mean may be little, and is at right angles only then.
    beyond = along
    for _ in range(2):
        beyond = beyond - directions @ (directions.T @ beyond)
    length = float(np.linalg.norm(beyond))
    if length > d * EPS * float(np.linalg.norm(along)):
        directions = np.column_stack([directions, beyond / length])
        k += 1
    found, directions = add_outer_product(values[:k], directions, mean, device)
    return np.concatenate([found, np.zeros(d - k)]), directions


def _centred(X: NDArray[np.floating], mean: FloatArray, scale: float) -> FloatArray:
    """Return the vectors about their mean, (n, d), in units that keep their products in range."""
    centred = np.empty(X.shape)
    centre_rows(np.asarray(compilable(X)), np.arange(len(X)), mean, centred)
    centred /= scale**0.5
    return centred


def _padded(descending: NDArray[np.floating], d: int, moments: Moments) -> FloatArray:
    values = np.zeros(d)
    values[: len(descending)] = descending
    return moments.cut(values)
