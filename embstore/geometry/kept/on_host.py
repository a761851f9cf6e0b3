"""On the CPU: NumPy's products and compiled loops."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from embstore.common.scratch import scratch
from embstore.geometry import pair_loops, row_loops, spanning_trees, unit_pairs
from embstore.geometry.kept.protocol import PairShift
from embstore.geometry.neighbors import neighborhoods
from embstore.types import FloatArray

# Rows of a pair at once: a block of them stays in the processor's cache.
_BLOCK = 512

Rows = NDArray[np.float32]


class KeptOnHost:
    """For NumPy's arrays."""

    def centred(self, X: NDArray[np.floating], mean: FloatArray, scale: float, name: str) -> Rows:
        """As ``KeptArithmetic`` says."""
        found = scratch(name, X.shape, np.float32)
        row_loops.centre_to_single(X, mean, scale, found)
        return found

    def rest(
        self,
        X: NDArray[np.floating],
        Y: NDArray[np.floating],
        slopes: FloatArray,
        mean: FloatArray,
        scale: float,
        name: str,
    ) -> Rows:
        """As ``KeptArithmetic`` says."""
        found = scratch(name, Y.shape, np.float32)
        pair_loops.rest_to_single(X, Y, slopes, mean, scale, found)
        return found

    def times(self, rows: Rows, matrix: FloatArray, name: str) -> Rows:
        """As ``KeptArithmetic`` says."""
        found = scratch(name, (len(rows), matrix.shape[1]), np.float32)
        return np.dot(rows, matrix.astype(np.float32), out=found)

    def along(self, rows: Rows, columns: FloatArray) -> Rows:
        """As ``KeptArithmetic`` says."""
        return np.asarray(rows @ columns.astype(np.float32))

    def lengths(self, rows: Rows) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        found: FloatArray = row_loops.lengths(rows)
        return found

    def row_products(self, one: Rows, other: Rows) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        return np.asarray(np.einsum("ij,ij->i", one, other, dtype=np.float64))

    def square_sums(
        self, rows: Rows, added: FloatArray, cells: NDArray[np.int64], n_cells: int
    ) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        if added.any():
            rows += added.astype(np.float32)
        sums = np.zeros((n_cells, rows.shape[1]))
        row_loops.sum_squares(rows, cells, sums)
        return sums

    def pair_terms(
        self, before: Rows, rest: Rows, mapped: Rows, turned: Rows, shift: PairShift
    ) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        change = shift.change.astype(np.float32)
        terms = np.empty((len(rest), 4))
        for start in range(0, len(rest), _BLOCK):
            block = slice(start, start + _BLOCK)
            gained = scratch("gained", (len(rest[block]), rest.shape[1]), np.float32)
            np.dot(shift.leverage[block], change, out=gained)
            pair_loops.pair_terms(
                before[block],
                rest[block],
                shift.x,
                shift.rest,
                shift.slopes,
                shift.unit,
                mapped[block],
                gained,
                shift.fixed,
                turned[block],
                shift.turned,
                terms[block],
            )
        return terms

    def squared_cosines(self, X: NDArray[np.floating], norms: FloatArray) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        return unit_pairs.squared_cosines(X, norms)

    def gaussian_sums(
        self, X: NDArray[np.floating], norms: FloatArray, windows: NDArray[np.int64], *, t: float
    ) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        return unit_pairs.gaussian_sums(X, norms, windows, t=t)

    def pair_distances(self, X: NDArray[np.floating], rows: NDArray[np.int64]) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        return spanning_trees.pair_distances(X[rows])

    def inner_products(
        self,
        X: NDArray[np.floating],
        origins: NDArray[np.integer],
        neighbors: NDArray[np.integer],
    ) -> Iterator[tuple[slice, FloatArray]]:
        """As ``KeptArithmetic`` says."""
        return neighborhoods.inner_products(X, origins, neighbors)

    def group_products(
        self, X: NDArray[np.floating], groups: NDArray[np.int64], origin: FloatArray
    ) -> FloatArray:
        """As ``KeptArithmetic`` says."""
        Z = X[groups] - origin
        return np.asarray(Z @ Z.transpose(0, 2, 1))
