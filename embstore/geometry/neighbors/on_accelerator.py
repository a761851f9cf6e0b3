"""Candidates for nearest neighbours from a graphics card's products."""

import threading

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.arithmetic.precision import all_of_float32
from embstore.geometry.neighbors.candidates import Candidates, centred, proven

# Products held at a time: 256 MiB of float32.
_BLOCK_VALUES = 2**26

# One search at a time: they share the device's memory and the switch of its precision.
_one_at_a_time = threading.Lock()


def candidates_torch(points: NDArray[np.floating], m: int, device: str) -> Candidates:
    """Find ``m`` candidates for each of n > m distinct points, (n, d), with torch.

    Distances and proof stay on the CPU: not every device has float64.
    """
    # Imported late: who only asks, or measures on a CPU, needs no torch here.
    import torch

    n = len(points)
    moved = centred(points, np.arange(n))
    nearest = np.empty((n, m), dtype=np.int32)
    largest = np.empty(n, dtype=np.float32)
    rows = max(_BLOCK_VALUES // n, 1)
    with _one_at_a_time, all_of_float32():
        vectors = torch.from_numpy(moved.vectors).to(device)
        halves = torch.from_numpy(moved.halves).to(device)
        for start in range(0, n, rows):
            block = vectors[start : start + rows]
            values = halves - block @ vectors.T
            values.diagonal(start).fill_(torch.inf)
            kept = values.topk(m, dim=1, largest=False)
            nearest[start : start + rows] = kept.indices.to("cpu", torch.int32).numpy()
            largest[start : start + rows] = kept.values[:, -1].cpu().numpy()
    return proven(moved, nearest, largest)
