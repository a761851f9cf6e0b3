"""Candidates for nearest neighbours from float32 products, with a proof of what they miss.

A point's value for another is half their squared distance less that point's own half
squared norm, which ranks alike and costs one subtraction after the product.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.neighbors.loops import centre, collect, mean_of
from embstore.types import FloatArray

_BLOCK = 512

# Sorts behind every key of a value and a point.
_FILLER = np.int64(0x7FFFFFFFFFFFFFFF)


@dataclass(frozen=True, eq=False)
class Centred:
    """Points as the products need them: around their mean, or another place, and in float32.

    Attributes:
        vectors: no coordinate beyond 1, (n, d).
        squares: their squared norms before rounding, (n,).
        halves: half of those, rounded, (n,).
        scale: what the points were divided by.
        order: the point of each vector, (n,).
    """

    vectors: NDArray[np.float32]
    squares: FloatArray
    halves: NDArray[np.float32]
    scale: float
    order: NDArray[np.int64]

    @property
    def rounding(self) -> float:
        """Bound the error of a value: this times (|x| + |y|)², for a sum of d terms.

        Half a unit in the last place for each of d products and a few more roundings,
        whatever the order of the sum; twice what is needed.
        """
        return float((self.vectors.shape[1] + 8) * 2.0**-25)

    @property
    def underflow(self) -> float:
        """What products too small for a normal float32 add to the error of a value."""
        return float(self.vectors.shape[1] * 2.0**-125)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Probably the nearest points, by value and not yet by distance.

    Attributes:
        indices: of each point, (n, m), roughly in ascending order of their distance.
        radius: no other point is nearer than this, (n,).
    """

    indices: NDArray[np.int32]
    radius: FloatArray


def centred(
    points: NDArray[np.floating], order: NDArray[np.int64], origin: FloatArray | None = None
) -> Centred:
    """Prepare distinct points, (n, d), for products, in the given order.

    Args:
        points: (n, d).
        order: the point of each vector, (n,).
        origin: what they are moved to, (d,); None for their mean.
    """
    if origin is None:
        origin = np.empty(points.shape[1])
        mean_of(points, origin)
    vectors = np.empty(points.shape, dtype=np.float32)
    squares = np.empty(len(points))
    # Scaled so that squares neither overflow nor vanish in float32.
    scale = centre(points, origin, order, vectors, squares)
    return Centred(vectors, squares, (squares / 2).astype(np.float32), scale, order)


def candidates(points: NDArray[np.floating], m: int, *, seed: int = 0) -> Candidates:
    """Find ``m`` candidates for each of n > m distinct points, (n, d).

    The points are shuffled, so that the first block is a random sample: it tells how far
    each point must look to meet a few more than m others. Only what is within that limit
    is kept, and a point that met too few is looked at again.
    """
    n = len(points)
    moved = centred(points, np.random.default_rng(seed).permutation(n))
    rank, capacity = _sample_rank(n, m)
    limits = np.full(n, np.inf, dtype=np.float32)
    keys = np.full((n, capacity), _FILLER)
    counts = np.zeros(n, dtype=np.int32)
    buffer = np.empty(n * min(_BLOCK, n), dtype=np.float32)
    for start in range(0, n, _BLOCK):
        rows = moved.vectors[start:]
        columns = rows[:_BLOCK]
        products = buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns))
        np.dot(rows, columns.T, out=products)
        if start == 0 and rank is not None:
            _set_limits(products, moved.halves, rank, limits)
        collect(products, moved.halves, start, m, limits, counts, keys)
    nearest = np.empty((n, m), dtype=np.int32)
    largest = np.empty(n, dtype=np.float32)
    for part in _parts(n):
        keys[part].partition(m - 1, axis=1)
        kept = np.sort(keys[part, :m], axis=1)
        # A row with too few candidates holds fillers. It is searched again below; until then its
        # indices must be valid.
        nearest[part] = np.maximum((kept & 0xFFFFFFFF).astype(np.int32), 0)
        largest[part] = _values(kept[:, -1])
    again = np.flatnonzero(counts < m)
    nearest[again], largest[again] = _nearest_of(moved, again, m)
    return proven(moved, nearest, largest)


def candidates_about(points: NDArray[np.floating], rows: NDArray[np.int64], m: int) -> Candidates:
    """Find ``m`` candidates for some of n > m distinct points, ranked as the first of them sees.

    Points of a dense place far from the mean of all are alike to float32. About one of them, they
    are as easily told apart as any others.

    Args:
        points: (n, d).
        rows: which, (n_rows,).
        m: candidates of each.
    """
    moved = centred(points, np.arange(len(points)), points[rows[0]].astype(np.float64))
    nearest, largest = _nearest_of(moved, rows, m)
    return Candidates(nearest, _radius(moved, rows, largest, m))


def proven(moved: Centred, nearest: NDArray[np.int32], largest: NDArray[np.float32]) -> Candidates:
    """Prove how far candidates are complete, and return them in the points' own order.

    Args:
        moved: the centred points.
        nearest: positions of each vector's candidates among the vectors, (n, m).
        largest: a value that no other point is below, for each vector, (n,).
    """
    n, m = nearest.shape
    indices = np.empty((n, m), dtype=np.int32)
    indices[moved.order] = moved.order[nearest]
    radius = np.empty(n)
    radius[moved.order] = _radius(moved, np.arange(n), largest, m)
    return Candidates(indices, radius)


def _radius(
    moved: Centred, rows: NDArray[np.int64], largest: NDArray[np.float32], m: int
) -> FloatArray:
    """Return how far the m candidates of some vectors are complete, (n_rows,)."""
    if m >= len(moved.vectors) - 1:
        return np.full(len(rows), np.inf)
    # Any other y has 2·value + |x|² >= t, and its squared distance differs from that
    # by rounding that grows with |x| + |y|, where |y| <= |x| + its distance.
    squares = moved.squares[rows]
    t = np.maximum(2.0 * largest.astype(np.float64) + squares, 0.0)
    reach = 2.0 * np.sqrt(squares) + np.sqrt(t)
    squared = t - 2.0 * (moved.rounding * reach**2 + moved.underflow)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)) * moved.scale)


def _sample_rank(n: int, m: int) -> tuple[int | None, int]:
    """Choose the rank in the sample that limits a point, and how many values it may hold.

    Of the m nearest, m·b/n fall into the sample of b on average, spread as a Poisson
    count: three deviations more leave some points in ten thousand with too few.
    """
    expected = m * _BLOCK / n
    rank = int(np.ceil(expected + 3.0 * np.sqrt(expected) + 2.0))
    met = int(np.ceil((rank + 3.0 * np.sqrt(rank)) * n / _BLOCK))
    # If the sample limited nothing, every value is kept. Holding at most 4·m bounds the memory
    # for many points, and costs little time.
    return (rank, min(met, 4 * m)) if met < n and n > _BLOCK else (None, n)


def _set_limits(
    products: NDArray[np.float32],
    halves: NDArray[np.float32],
    rank: int,
    limits: NDArray[np.float32],
) -> None:
    """Limit each point to its value of this rank among the points of the first block."""
    for part in _parts(len(products)):
        values = halves[: products.shape[1]] - products[part]
        # A point of the block meets itself there, as the nearest.
        values.partition(rank, axis=1)
        limits[part] = values[:, rank]


def _parts(n: int) -> list[slice]:
    """Split n rows into runs whose keys stay in a core's second cache."""
    return [slice(start, min(start + 128, n)) for start in range(0, n, 128)]


def _values(keys: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the values in the upper halves of keys."""
    bits = (keys >> 32).astype(np.int32)
    return (bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))).view(np.float32)


def _nearest_of(
    moved: Centred, rows: NDArray[np.int64], m: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the ``m`` smallest values of some rows among all points."""
    nearest = np.empty((len(rows), m), dtype=np.int32)
    largest = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        some = rows[start : start + _BLOCK]
        values = moved.halves - moved.vectors[some] @ moved.vectors.T
        values[np.arange(len(some)), some] = np.inf
        least = np.argpartition(values, m - 1, axis=1)[:, :m]
        part = slice(start, start + len(some))
        nearest[part], largest[part] = least, np.take_along_axis(values, least, axis=1).max(axis=1)
    return nearest, largest
