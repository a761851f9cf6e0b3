"""A symmetric matrix as a lower triangle times its transpose, on the CPU or on a device."""

from typing import Protocol

import numpy as np

from embstore.common.float64 import stays_on_host
from embstore.types import FloatArray

# Rows solved for at once.
_BLOCK = 96


class Factor(Protocol):
    """A lower triangle L, (d, d)."""

    @property
    def least_pivot(self) -> float:
        """The smallest number on its diagonal."""

    def solve(self, right: FloatArray) -> FloatArray:
        """Return L⁻¹ times ``right``, (d, k)."""

    def solve_transposed(self, right: FloatArray) -> FloatArray:
        """Return L⁻ᵀ times ``right``, (d, k)."""


def factor_of(matrix: FloatArray, device: str = "cpu") -> Factor | None:
    """Return the Cholesky factor of a symmetric matrix, (d, d), None if it has none.

    Args:
        matrix: what is to be L·Lᵀ.
        device: where it is computed and solved with, if it has float64.
    """
    if stays_on_host(device):
        try:
            return FactorOnHost(np.asarray(np.linalg.cholesky(matrix), float))
        except np.linalg.LinAlgError:
            return None
    # Imported late: who measures on a CPU needs no torch here.
    from embstore.geometry.arithmetic.matrices_on_torch import FactorOnTorch

    return FactorOnTorch.of(matrix, device)


class FactorOnHost:
    """By blocks, all of it products.

    SciPy's solver holds the interpreter's lock, and the other workers would wait. Blocks on the
    diagonal are small, and of a safe factor, so their inverses are as good as solving.
    """

    def __init__(self, lower: FloatArray) -> None:
        self._lower = lower

    @property
    def least_pivot(self) -> float:
        """As ``Factor`` says."""
        return float(np.diag(self._lower).min())

    def solve(self, right: FloatArray) -> FloatArray:
        """As ``Factor`` says."""
        lower, solved = self._lower, right.copy()
        for start in range(0, len(lower), _BLOCK):
            rows = slice(start, start + _BLOCK)
            solved[rows] -= lower[rows, :start] @ solved[:start]
            solved[rows] = np.linalg.inv(lower[rows, rows]) @ solved[rows]
        return solved

    def solve_transposed(self, right: FloatArray) -> FloatArray:
        """As ``Factor`` says."""
        upper, solved = self._lower.T, right.copy()
        for start in reversed(range(0, len(upper), _BLOCK)):
            rows = slice(start, start + _BLOCK)
            solved[rows] -= upper[rows, rows.stop :] @ solved[rows.stop :]
            solved[rows] = np.linalg.inv(upper[rows, rows]) @ solved[rows]
        return solved
