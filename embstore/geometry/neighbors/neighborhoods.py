"""The shape of each point's neighbourhood: inner products of its neighbours, a few at a time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from embstore.types import FloatArray

# Coordinates of neighbours that are held in float64 at once: 16 MiB.
_AT_ONCE = 1 << 21


def inner_products(
    points: NDArray[np.floating],
    origins: NDArray[np.integer],
    neighbors: NDArray[np.integer],
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield the inner products within neighbourhoods, each as seen from one of the points.

    They are made of float64 differences, so that a cloud far from zero, or one with a few huge
    vectors, loses no digits, and in a unit of each neighbourhood's own, so that none leaves
    float64's range: the largest coordinate of any of these differences.

    Args:
        points: (n_points, d).
        origins: the row of ``points`` that each neighbourhood is seen from, (n,).
        neighbors: the rows of its k points, (n, k).

    Yields:
        Which of the neighbourhoods these are, and (x_j − x) · (x_l − x) over the points x_j and
        x_l of each, seen from x, in that unit squared, (b, k, k).
    """
    n, k = neighbors.shape
    step = max(_AT_ONCE // max(k * points.shape[1], 1), 1)
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        away = points[neighbors[part]].astype(np.float64)
        away -= points[origins[part], np.newaxis]
        largest = np.abs(away).max(axis=(1, 2), keepdims=True, initial=0.0)
        away /= np.where(largest > 0, largest, 1.0)
        yield part, away @ away.transpose(0, 2, 1)


def centred(products: FloatArray) -> FloatArray:
    """Return inner products as seen from the neighbours' own mean, (b, k, k)."""
    by_row = products.mean(axis=2, keepdims=True)
    return np.asarray(
        products - by_row - by_row.transpose(0, 2, 1) + products.mean(axis=(1, 2), keepdims=True)
    )
