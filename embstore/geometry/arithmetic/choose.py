"""Which arithmetic takes vectors, by what they are and where."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from embstore.common.float64 import stays_on_host
from embstore.geometry.arithmetic.on_host import OnHost
from embstore.geometry.arithmetic.protocol import Arithmetic, Vectors
from embstore.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor, device

HOST = OnHost()


def vectors_of(state: "Tensor") -> Vectors:
    """Return hidden states, (..., d), as vectors, (n, d): NumPy's if they are on the CPU."""
    vectors = state.float().reshape(-1, state.shape[-1])
    return vectors.numpy() if state.device.type == "cpu" else vectors


def arithmetic_of(vectors: Vectors) -> Arithmetic[Any]:
    """Return what takes NumPy's arrays, or torch's tensors where they are."""
    return HOST if isinstance(vectors, np.ndarray) else _on_torch(vectors.device)


@functools.cache
def _on_torch(where: "device") -> Arithmetic[Any]:
    # Imported late: who only asks, or measures arrays, needs no torch.
    from embstore.geometry.arithmetic.on_torch import OnTorch

    return OnTorch(where)


def make_ready(device: str) -> None:
    """Load what a device needs, before several threads ask for it at once."""
    if not stays_on_host(device):
        from embstore.geometry.arithmetic import matrices_on_torch

        matrices_on_torch.load_solvers(device)


def matmul(left: FloatArray, right: FloatArray, device: str) -> FloatArray:
    """Return the product of two matrices, (n, m) and (m, k).

    Args:
        left: (n, m).
        right: (m, k).
        device: where, if it has float64.
    """
    if stays_on_host(device):
        return np.asarray(left @ right)
    from embstore.geometry.arithmetic import matrices_on_torch

    return matrices_on_torch.matmul(left, right, device)


def eigh(matrix: FloatArray, device: str) -> tuple[FloatArray, FloatArray]:
    """Return a symmetric matrix's eigenvalues, ascending, and eigenvectors as columns.

    Args:
        matrix: (d, d).
        device: where, if it has float64.
    """
    if stays_on_host(device):
        values, vectors = np.linalg.eigh(matrix)
        return values, vectors
    from embstore.geometry.arithmetic import matrices_on_torch

    return matrices_on_torch.eigh(matrix, device)


def eigvalsh(matrix: FloatArray, device: str) -> FloatArray:
    """Return a symmetric matrix's eigenvalues, ascending, as ``eigh``."""
    if stays_on_host(device):
        return np.asarray(np.linalg.eigvalsh(matrix))
    from embstore.geometry.arithmetic import matrices_on_torch

    return matrices_on_torch.eigvalsh(matrix, device)
