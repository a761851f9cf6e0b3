"""Distances that are equal but for rounding: made equal, as they are of the vectors meant.

Points of a grid, a ring or a simplex have neighbours at equal distances. Turned, moved and
rounded, they have distances that differ in the last digits, and what looks at ratios of
distances would take the digits for a dimension of millions.
"""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import compiled
from embstore.geometry.row_loops import lengths
from embstore.types import FloatArray

# Vectors come from sums and functions computed in their own precision: this many of its
# roundings, relative to both vectors' lengths, cannot be told from a difference.
_ROUNDINGS = 64

# Among continuous vectors fewer neighbouring distances are equal but for rounding: of real layers
# two to seven in a thousand. Of rings it is half of them, of grids and simplices most.
_MEANT = 0.2


def rounding_of(points: NDArray[np.floating]) -> float:
    """Bound the error of a distance, relative to the lengths of its two vectors, (n, d).

    Float64 vectors that float32 holds exactly were rounded to that before.
    """
    with np.errstate(over="ignore"):
        single = points.dtype == np.float32 or bool((points == points.astype(np.float32)).all())
    return rounding_of_width(points.shape[1], single=single)


def rounding_of_width(d: int, *, single: bool) -> float:
    """Bound the same for vectors of d coordinates, which float32 holds exactly or does not."""
    # Distances are sums of d terms in float64 whatever the vectors are.
    summed = (d + _ROUNDINGS) * 2.0**-53
    return float(summed + (_ROUNDINGS * 2.0**-24 if single else 0.0))


def join_ties(points: NDArray[np.floating], distances: FloatArray) -> FloatArray:
    """Make distances from a point equal that rounding of the vectors alone can tell apart.

    Args:
        points: (n, d).
        distances: from each to some of the others, ascending along each row, (n, m).

    Returns:
        The distances, each that is within rounding of the nearest of a run put equal to it.
    """
    return joined_within(distances, lengths(points), rounding_of(points))


def joined_within(distances: FloatArray, sizes: FloatArray, rounding: float) -> FloatArray:
    """Do the same for points of which the lengths are known, (n,), and their rounding."""
    joined = np.empty_like(distances)
    _join(distances, sizes, rounding, joined)
    return joined


def error_of_ties(points: NDArray[np.floating], joined: FloatArray) -> float:
    """Return what rounding can add to a distance that is meant to be equal to another one.

    0 where no distances are meant to be: among any others some lie within rounding of each other,
    and a radius that reached as far as that would count pairs beyond it.

    Args:
        points: (n, d).
        joined: distances from each to some others as ``join_ties`` returns them, (n, m).

    Returns:
        The median over points.
    """
    if joined.shape[1] < 2 or (joined[:, 1:] == joined[:, :-1]).mean() < _MEANT:
        return 0.0
    return rounding_of(points) * float(np.median(lengths(points) + joined[:, -1]))


@compiled()
def _join(
    distances: NDArray[np.float64],
    sizes: NDArray[np.float64],
    rounding: float,
    joined: NDArray[np.float64],
) -> None:
    n, m = distances.shape
    for i in range(n):
        start = -np.inf
        for j in range(m):
            distance = distances[i, j]
            # The other vector is no longer than this one and the distance together.
            if distance - start > rounding * (2.0 * sizes[i] + distance):
                start = distance
            joined[i, j] = start
