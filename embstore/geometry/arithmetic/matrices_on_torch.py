"""Matrices that lie on the host, multiplied, factored and decomposed on a device."""

import threading
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.linalg import LinAlgError  # type: ignore[attr-defined]

from embstore.geometry.arithmetic.tensors import to_host
from embstore.types import FloatArray

_loading = threading.Lock()
_loaded: set[str] = set()


def load_solvers(device: str) -> None:
    """Load what decomposes matrices on a device, unless that is done.

    On a GPU torch loads it at the first decomposition, and where two threads begin with one at
    the same time it raises a RuntimeError (pytorch issue 90613).
    """
    with _loading:
        if device not in _loaded:
            torch.linalg.eigh(torch.eye(2, dtype=torch.float64, device=device))
            _loaded.add(device)


class FactorOnTorch:
    """A lower triangle on a device, and torch's solvers."""

    def __init__(self, lower: Tensor) -> None:
        self._lower = lower

    @classmethod
    def of(cls, matrix: FloatArray, device: str) -> Self | None:
        """As ``factor_of`` says."""
        lower, failed = torch.linalg.cholesky_ex(torch.from_numpy(matrix).to(device))
        return None if int(failed) else cls(lower)

    @property
    def least_pivot(self) -> float:
        """As ``Factor`` says."""
        return float(self._lower.diagonal().min())

    def solve(self, right: FloatArray) -> FloatArray:
        """As ``Factor`` says."""
        return self._solve(self._lower, right, upper=False)

    def solve_transposed(self, right: FloatArray) -> FloatArray:
        """As ``Factor`` says."""
        return self._solve(self._lower.T, right, upper=True)

    def _solve(self, triangle: Tensor, right: FloatArray, *, upper: bool) -> FloatArray:
        given = torch.from_numpy(np.ascontiguousarray(right)).to(triangle.device)
        return to_host(torch.linalg.solve_triangular(triangle, given, upper=upper))


def matmul(left: FloatArray, right: FloatArray, device: str) -> FloatArray:
    """Return the product of two matrices, as ``choose.matmul``."""
    one, other = (
        torch.from_numpy(np.ascontiguousarray(matrix)).to(device) for matrix in (left, right)
    )
    return to_host(one @ other)


def eigh(matrix: FloatArray, device: str) -> tuple[FloatArray, FloatArray]:
    """Return a symmetric matrix's eigenvalues, ascending, and eigenvectors, from a device."""
    try:
        values, vectors = torch.linalg.eigh(torch.from_numpy(matrix).to(device))
    except LinAlgError:
        # A GPU's solver may not converge where eigenvalues are nearly equal; LAPACK's does.
        return np.linalg.eigh(matrix)
    return to_host(values), to_host(vectors)


def eigvalsh(matrix: FloatArray, device: str) -> FloatArray:
    """Return a symmetric matrix's eigenvalues, ascending, from a device."""
    try:
        return to_host(torch.linalg.eigvalsh(torch.from_numpy(matrix).to(device)))
    except LinAlgError:
        return np.asarray(np.linalg.eigvalsh(matrix))
