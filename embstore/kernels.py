"""The inner loops of the neighbour search, compiled once per machine by numba.

They run without the interpreter's lock, so that layers can be searched side by side.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")

# Sums may be reordered, to run several lanes at once; nothing else is relaxed.
_SUM = frozenset({"reassoc", "contract"})


def _compiled(
    *, fastmath: frozenset[str] = frozenset()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile without the interpreter's lock, once per machine where a cache can be kept."""

    def compile_(function: Callable[P, R]) -> Callable[P, R]:
        flags = set(fastmath)
        try:
            compiled = numba.njit(cache=True, nogil=True, fastmath=flags)(function)
        except RuntimeError:
            # Neither the package's folder nor the user's cache can be written to.
            compiled = numba.njit(nogil=True, fastmath=flags)(function)
        return cast("Callable[P, R]", compiled)

    return compile_


@_compiled()
def _replace_largest(
    values: NDArray[np.float32], found: NDArray[np.int32], value: np.float32, index: int
) -> None:
    """Put a smaller value in the place of a heap's largest, (m,), largest at the root."""
    m = len(values)
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= m:
            break
        if child + 1 < m and values[child + 1] > values[child]:
            child += 1
        if values[child] <= value:
            break
        values[hole] = values[child]
        found[hole] = found[child]
        hole = child
    values[hole] = value
    found[hole] = index


@_compiled()
def keep_smallest(
    products: NDArray[np.float32],
    squares: NDArray[np.float32],
    first_row: int,
    values: NDArray[np.float32],
    found: NDArray[np.int32],
    roots: NDArray[np.float32],
) -> None:
    """Take in one block of inner products, for its rows and, as it is symmetric, its columns.

    A candidate's value is its squared distance less the row's own square, which ranks alike.

    Args:
        products: of points ``first_row``, ``first_row + 1``, … with all points from
            ``first_row`` on, (b, n - first_row).
        squares: squared norms of all points, (n,).
        first_row: index of the block's first point.
        values: the m smallest values of each point so far, as heaps, (n, m).
        found: the points they belong to, (n, m).
        roots: the largest of each heap, (n,).
    """
    b, n_columns = products.shape
    for i in range(b):
        row = first_row + i
        for j in range(i + 1, n_columns):
            column = first_row + j
            product = np.float32(2.0) * products[i, j]
            value = squares[column] - product
            if value < roots[row]:
                _replace_largest(values[row], found[row], value, column)
                roots[row] = values[row, 0]
            value = squares[row] - product
            if value < roots[column]:
                _replace_largest(values[column], found[column], value, row)
                roots[column] = values[column, 0]


@_compiled(fastmath=_SUM)
def exact_distances(
    points: NDArray[np.floating], found: NDArray[np.int32], distances: NDArray[np.float64]
) -> None:
    """Compute candidates' distances from float64 differences, and sort each row by them.

    Args:
        points: (n, d).
        found: candidates of each point, (n, m); reordered.
        distances: filled, ascending along each row, (n, m).
    """
    n, m = found.shape
    d = points.shape[1]
    for i in range(n):
        for j in range(m):
            candidate = found[i, j]
            total = 0.0
            for c in range(d):
                difference = np.float64(points[i, c]) - np.float64(points[candidate, c])
                total += difference * difference
            distance = np.sqrt(total)
            place = j
            while place > 0 and distances[i, place - 1] > distance:
                distances[i, place] = distances[i, place - 1]
                found[i, place] = found[i, place - 1]
                place -= 1
            distances[i, place] = distance
            found[i, place] = candidate


@_compiled(fastmath=_SUM)
def squared_distances(points: NDArray[np.floating], row: int, squared: NDArray[np.float64]) -> None:
    """Compute all squared distances from one point from float64 differences, (n,)."""
    n, d = points.shape
    for i in range(n):
        total = 0.0
        for c in range(d):
            difference = np.float64(points[row, c]) - np.float64(points[i, c])
            total += difference * difference
        squared[i] = total
