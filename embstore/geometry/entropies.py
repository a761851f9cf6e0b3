"""How evenly the directions of some vectors are spread: the entropy of their Gram matrix."""

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
    gram = U @ U.T if len(U) <= U.shape[1] else U.T @ U
    return entropy_of_shares(np.asarray(np.linalg.eigvalsh(gram)))


def entropy_of_shares(values: FloatArray) -> float:
    """Return −Σ p log p of values as shares p of their sum; those below zero are rounding."""
    positive = values[values > 0]
    p = positive / positive.sum()
    return float(max(-(p @ np.log(p)), 0.0))
