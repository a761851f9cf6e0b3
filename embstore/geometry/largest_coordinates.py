"""The largest single coordinates of a layer: which tokens, which coordinates, how large."""

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.arithmetic.choose import arithmetic_of
from embstore.geometry.arithmetic.protocol import Vectors

N_LARGEST = 16


class LargestCoordinates:
    """Keeps the largest absolute coordinates of a stream of vectors.

    Attributes:
        values: with their sign, largest magnitude first, (at most n_largest,).
        tokens: running index of the vector each belongs to.
        coordinates: its coordinate, from 0.
    """

    def __init__(self, n_largest: int = N_LARGEST) -> None:
        self.n_largest = n_largest
        self.values = np.empty(0)
        self.tokens = np.empty(0, dtype=np.int64)
        self.coordinates = np.empty(0, dtype=np.int64)

    def add(self, X: Vectors, tokens: NDArray[np.int64]) -> None:
        """Take in the finite rows of ``X``, (n, d), that have the indices ``tokens``, (n,)."""
        if not len(X):
            return
        arithmetic = arithmetic_of(X)
        largest = arithmetic.peaks(X)
        # A row with one of the k largest coordinates has one of the k largest peaks.
        k = min(self.n_largest, len(X))
        rows = np.sort(np.argpartition(-largest, k - 1)[:k])
        d = X.shape[1]
        chosen = np.empty((k, d))
        arithmetic.take(X, rows, chosen)
        self._keep_largest(
            np.concatenate([self.values, chosen.ravel()]),
            np.concatenate([self.tokens, np.repeat(tokens[rows], d)]),
            np.concatenate([self.coordinates, np.tile(np.arange(d), k)]),
        )

    def _keep_largest(
        self,
        values: NDArray[np.float64],
        tokens: NDArray[np.int64],
        coordinates: NDArray[np.int64],
    ) -> None:
        # Ties go to the earlier token, then the lower coordinate, however batches fell.
        order = np.lexsort((coordinates, tokens, -np.abs(values)))[: self.n_largest]
        self.values, self.tokens = values[order], tokens[order]
        self.coordinates = coordinates[order]
