"""Symmetric sums, of which only one triangle is kept: each row from its diagonal on.

A (d, d) matrix has d (d + 1)/2 numbers there.
"""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import REORDERED, compiled
from embstore.types import FloatArray

# Rows and columns mirrored at once: both tiles stay in a core's first cache.
_TILE = 32


def empty(d: int) -> FloatArray:
    """Return the triangle of a (d, d) matrix of zeros."""
    return np.zeros(d * (d + 1) // 2)


@compiled(fastmath=REORDERED)
def add_scatter(
    triangle: NDArray[np.float64],
    product: NDArray[np.floating],
    unit: float,
    step: NDArray[np.float64],
    weight: float,
) -> None:
    """Add ``unit`` times a symmetric product, (d, d), and ``weight`` · step stepᵀ.

    What the product has below its diagonal is not read.
    """
    d = len(step)
    place = 0
    for i in range(d):
        factor = weight * step[i]
        for j in range(d - i):
            triangle[place + j] += product[i, i + j] * unit + factor * step[i + j]
        place += d - i


@compiled()
def fill(triangle: NDArray[np.float64], matrix: NDArray[np.float64]) -> None:
    """Fill a symmetric matrix, (d, d), from its triangle."""
    d = len(matrix)
    place = 0
    for i in range(d):
        for j in range(d - i):
            matrix[i, i + j] = triangle[place + j]
        place += d - i
    mirror(matrix)


@compiled()
def mirror(matrix: NDArray[np.float64]) -> None:
    """Write what a matrix, (d, d), has above its diagonal below it too."""
    d = len(matrix)
    for first in range(0, d, _TILE):
        for second in range(0, first + 1, _TILE):
            for i in range(first, min(first + _TILE, d)):
                for j in range(second, min(second + _TILE, i)):
                    matrix[i, j] = matrix[j, i]
