"""Entropies: of shares, and of how evenly the directions of some vectors are spread."""

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.row_loops import lengths
from embstore.types import FloatArray


def entropy_of_directions(X: NDArray[np.floating]) -> float:
    """Return the entropy of the eigenvalues of UUᵀ, as shares of their sum, U unit rows of X.

    UUᵀ and UᵀU have the same eigenvalues but for zeros: the smaller one is decomposed.

    Args:
        X: (n, d), finite; rows of length zero have no direction and do not count.

    Returns:
        In [0, log(min(n, d))], in nats; NaN for fewer than two directions.

    >>> round(entropy_of_directions(np.eye(4)), 3)  # four directions at right angles: log 4
    1.386
    """
    sizes = lengths(X)
    U: FloatArray = X[sizes > 0] / sizes[sizes > 0, np.newaxis]
    if len(U) < 2:
        return float("nan")
    return _entropy_of_rows(U)


def matrix_entropy(X: NDArray[np.floating]) -> float:
    """Return the entropy of the squared singular values of X, as shares of their sum.

    Args:
        X: (n, d), finite; not centred, and rows count as much as they are long.

    Returns:
        In [0, log(min(n, d))], in nats; NaN for fewer than two rows, and where all are zero.

    >>> round(matrix_entropy(np.diag([1.0, 1.0, 1e6])), 3)  # one row outweighs all others
    0.0
    """
    largest = float(np.abs(X).max(initial=0.0))
    if len(X) < 2 or largest == 0:
        return float("nan")
    # Scaled first: squares of huge and tiny vectors stay within range.
    return _entropy_of_rows(np.asarray(X, dtype=np.float64) / largest)


def _entropy_of_rows(X: FloatArray) -> float:
    gram = X @ X.T if len(X) <= X.shape[1] else X.T @ X
    return entropy_of_values(np.asarray(np.linalg.eigvalsh(gram)))


def entropy_of_values(values: FloatArray) -> float:
    """Return the entropy of values as shares of their sum; those below zero are rounding."""
    return entropy(values / values[values > 0].sum())


def entropy(p: FloatArray) -> float:
    """Return −Σ p log p of shares, (n,), in nats."""
    positive = p[p > 0]
    # The largest share can round to 1 + eps; an entropy is never negative.
    return max(0.0, float(-(positive @ np.log(positive))))
