"""Where kept vectors are multiplied, and what does it."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embstore.common.float64 import stays_on_host
from embstore.geometry.arithmetic.protocol import Vectors
from embstore.geometry.kept.on_host import KeptOnHost
from embstore.geometry.kept.protocol import KeptArithmetic

if TYPE_CHECKING:
    from torch import device

_HOST = KeptOnHost()


def placed(vectors: NDArray[np.floating], device: str) -> Vectors:
    """Return kept vectors, (n, d), on a device, or as they are for the CPU.

    So too for a device that has no float64.
    """
    if stays_on_host(device):
        return vectors
    # Imported late: who only asks, or measures on a CPU, needs no torch here.
    import torch

    return torch.from_numpy(vectors).to(device)


def kept_arithmetic_of(vectors: Vectors) -> KeptArithmetic[Any, Any]:
    """Return what takes NumPy's arrays, or torch's tensors where they are."""
    return _HOST if isinstance(vectors, np.ndarray) else _on_torch(vectors.device)


@functools.cache
def _on_torch(where: "device") -> KeptArithmetic[Any, Any]:
    from embstore.geometry.kept.on_torch import KeptOnTorch

    return KeptOnTorch(where)
