"""What everything on a device needs: rows a bounded number at a time, and results on the host."""

from collections.abc import Iterator

from torch import Tensor

from embstore.types import FloatArray

# Numbers of float64 held at a time: 256 MiB.
BLOCK_VALUES = 2**25


def slices(n: int, width: int) -> Iterator[slice]:
    """Yield which of n rows to take at a time, for rows of so many numbers."""
    step = max(BLOCK_VALUES // max(width, 1), 1)
    for start in range(0, n, step):
        yield slice(start, start + step)


def to_host(values: Tensor) -> FloatArray:
    """Return a tensor of float64 as an array."""
    array: FloatArray = values.cpu().numpy()
    return array
