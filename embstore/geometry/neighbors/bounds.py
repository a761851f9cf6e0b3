"""What a product in float32 tells of a pair: within a radius, beyond it, or too near to tell."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.neighbors.candidates import Centred
from embstore.types import FloatArray


class Bounds(NamedTuple):
    """What a product tells of a pair, x of a block and y of all points.

    Attributes:
        more: |y|²/2 and all that rounding can add, (n,).
        less: |y|²/2 less all that rounding can take away, (n,).
        inside: with ``more`` less product at most this, y is within a radius, (b, s, r).
        outside: with ``less`` less product above this, it is not, (b, s, r).
        farthest: the largest of ``outside`` for each x, (b,).
    """

    more: NDArray[np.float32]
    less: NDArray[np.float32]
    inside: NDArray[np.float32]
    outside: NDArray[np.float32]
    farthest: NDArray[np.float32]


def bounds_of(moved: Centred, around: NDArray[np.int64], radii: FloatArray) -> Bounds:
    """Return what the products of some points with all of them tell.

    Half a squared distance is |x|²/2 + |y|²/2 - x·y. Rounding moves that by at most
    rounding·(|x| + |y|)², which is at most 4·rounding·(|x|²/2 + |y|²/2) and so can be
    put on the halves; float32 rounds these once more, for which the bound has room.

    Args:
        moved: all points, centred in their own order.
        around: the points x, (b,).
        radii: of each scope, (s, r).
    """
    halves = moved.squares / 2
    more = halves * (1 + 4 * moved.rounding) + moved.underflow
    less = halves * (1 - 4 * moved.rounding) - moved.underflow
    targets = (radii / moved.scale) ** 2 / 2
    # Rounded away from the radius, so that neither test is ever too sure.
    inside = _float32(targets - more[around, None, None], -np.inf)
    outside = _float32(targets - less[around, None, None], np.inf)
    farthest = np.nanmax(outside, axis=(1, 2))
    return Bounds(more.astype(np.float32), less.astype(np.float32), inside, outside, farthest)


def _float32(values: FloatArray, towards: float) -> NDArray[np.float32]:
    """Round to a float32 that is farther in one direction.

    1e30 stands for all beyond: no pair of scaled vectors comes near it.
    """
    return np.nextafter(np.clip(values, -1e30, 1e30).astype(np.float32), np.float32(towards))
