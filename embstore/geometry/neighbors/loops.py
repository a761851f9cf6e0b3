"""The inner loops of the neighbour search.

They run without the interpreter's lock, so that layers can be searched side by side.
"""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import REORDERED, compiled

# Sums of squares beyond these may have lost digits to the ends of float64's range.
LEAST_SQUARE, MOST_SQUARE = 1e-280, 1e300


@compiled(fastmath=REORDERED)
def mean_of(points: NDArray[np.floating], mean: NDArray[np.float64]) -> None:
    """Fill ``mean``, (d,), with that of the points, (n, d)."""
    n, d = points.shape
    mean[:] = 0.0
    for i in range(n):
        for c in range(d):
            mean[c] += points[i, c]
    for c in range(d):
        mean[c] /= n


@compiled(fastmath=REORDERED)
def centre(
    points: NDArray[np.floating],
    mean: NDArray[np.float64],
    order: NDArray[np.int64],
    vectors: NDArray[np.float32],
    squares: NDArray[np.float64],
) -> float:
    """Move their mean, or another place, to the origin, in another order, and make them small.

    Args:
        points: (n, d).
        mean: what becomes the origin, (d,).
        order: the point of each vector, (n,).
        vectors: filled, the largest coordinate -1 or 1, (n, d).
        squares: filled, their squared norms before rounding to float32, (n,).

    Returns:
        What the vectors were divided by; 1 if all are zero.
    """
    n, d = points.shape
    largest = 0.0
    for i in range(n):
        for c in range(d):
            largest = max(largest, abs(points[i, c] - mean[c]))
    if largest == 0.0:
        largest = 1.0
    for i in range(n):
        point = order[i]
        total = 0.0
        for c in range(d):
            coordinate = (points[point, c] - mean[c]) / largest
            vectors[i, c] = coordinate
            total += coordinate * coordinate
        squares[i] = total
    return largest


@compiled()
def _partition(keys: NDArray[np.int64], m: int) -> None:
    """Move the ``m`` smallest keys to the front, the m-th last of them.

    NumPy's own is compiled for five seconds when called from here.
    """
    low = 0
    high = len(keys) - 1
    while low < high:
        one, middle, other = keys[low], keys[(low + high) // 2], keys[high]
        pivot = max(min(one, other), min(max(one, other), middle))
        i, j = low, high
        while i <= j:
            while keys[i] < pivot:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                i += 1
                j -= 1
        if m - 1 <= j:
            high = j
        elif m - 1 >= i:
            low = i
        else:
            break


@compiled()
def _prune(keys: NDArray[np.int64], m: int) -> np.float32:
    """Keep the ``m`` smallest keys, at the front, and return the largest value of those."""
    _partition(keys, m)
    keys[m:] = 0x7FFFFFFFFFFFFFFF
    value = np.empty(1, dtype=np.float32)
    bits = value.view(np.int32)
    bits[0] = keys[m - 1] >> 32
    bits[0] ^= (bits[0] >> 31) & np.int32(0x7FFFFFFF)
    return np.float32(value[0])


@compiled()
def collect(
    products: NDArray[np.float32],
    halves: NDArray[np.float32],
    first: int,
    m: int,
    limits: NDArray[np.float32],
    counts: NDArray[np.int32],
    keys: NDArray[np.int64],
) -> None:
    """Keep the pairs of one block of inner products that are near enough, for both points.

    The value of y for x is |y|²/2 - x·y: half their squared distance less x's own half.
    It is kept with its point as one integer that sorts alike, which NumPy sorts fastest:
    the value in the upper half, the point in the lower one.

    Args:
        products: of the points from ``first`` on with points ``first``, ``first + 1``, …,
            (n - first, b); as it is symmetric only the pairs below the diagonal are read.
        halves: half the squared norms, (n,).
        first: index of the block's first point.
        m: values wanted of each point.
        limits: a value is kept below this one, for each point; lowered to the m-th
            value where ``keys`` are full, (n,).
        counts: how many are kept of each point, (n,).
        keys: the kept ones, the largest integer behind them, (n, capacity), capacity > m.
    """
    n_rows, b = products.shape
    hits = np.empty(b + 1, dtype=np.int32)
    value = np.empty(2, dtype=np.float32)
    bits = value.view(np.int32)
    for i in range(n_rows):
        row = first + i
        half = halves[row]
        limit = limits[row]
        # Few pairs are near enough: write every index, and advance only past a hit, so that
        # there is no branch to mispredict.
        n_hits = 0
        for j in range(min(i, b)):
            product = products[i, j]
            hits[n_hits] = j
            n_hits += (halves[first + j] - product < limit) | (half - product < limits[first + j])
        for hit in range(n_hits):
            column = first + hits[hit]
            product = products[i, hits[hit]]
            value[0] = halves[column] - product
            value[1] = half - product
            for side in range(2):
                point, other = (row, column) if side == 0 else (column, row)
                if value[side] < limits[point]:
                    # Negative floats grow with their bits read the other way round.
                    upper = bits[side] ^ ((bits[side] >> 31) & np.int32(0x7FFFFFFF))
                    keys[point, counts[point]] = (np.int64(upper) << 32) | np.int64(other)
                    counts[point] += 1
                    if counts[point] == keys.shape[1]:
                        limits[point] = _prune(keys[point], m)
                        counts[point] = m


@compiled(fastmath=REORDERED)
def _squares_to_four(
    points: NDArray[np.floating], one: int, others: tuple[int, int, int, int]
) -> tuple[float, float, float, float]:
    """Sum the squared float64 differences of one of the points, (n, d), and four others.

    Four rows at once, for most of the time is spent waiting for memory. The order of the sums
    is the same for all, so equal distances are equal numbers.
    """
    first, second, third, fourth = others
    s1, s2, s3, s4 = 0.0, 0.0, 0.0, 0.0
    for c in range(points.shape[1]):
        start = np.float64(points[one, c])
        d1 = start - np.float64(points[first, c])
        d2 = start - np.float64(points[second, c])
        d3 = start - np.float64(points[third, c])
        d4 = start - np.float64(points[fourth, c])
        s1 += d1 * d1
        s2 += d2 * d2
        s3 += d3 * d3
        s4 += d4 * d4
    return s1, s2, s3, s4


@compiled(fastmath=REORDERED)
def _root(points: NDArray[np.floating], one: int, other: int, square: float) -> float:
    """Return a distance from its square, or anew where that left float64's range."""
    if LEAST_SQUARE < square < MOST_SQUARE:
        return float(np.sqrt(square))
    largest = 0.0
    for c in range(points.shape[1]):
        largest = max(largest, abs(np.float64(points[one, c]) - np.float64(points[other, c])))
    if largest == 0.0:
        return 0.0
    total = 0.0
    for c in range(points.shape[1]):
        difference = (np.float64(points[one, c]) - np.float64(points[other, c])) / largest
        total += difference * difference
    return float(largest * np.sqrt(total))


@compiled(fastmath=REORDERED)
def distance_between(points: NDArray[np.floating], one: int, other: int) -> float:
    """Compute the distance between two of the points, (n, d), from float64 differences."""
    return _root(points, one, other, _squares_to_four(points, one, (other, other, other, other))[0])


@compiled(fastmath=REORDERED)
def exact_distances(
    points: NDArray[np.floating],
    around: NDArray[np.int64],
    found: NDArray[np.int32],
    distances: NDArray[np.float64],
) -> None:
    """Compute candidates' distances from float64 differences, and sort each row by them.

    Args:
        points: (n, d).
        around: from which of them, (n_rows,).
        found: candidates of each of those, (n_rows, m), fastest if nearly sorted; reordered.
        distances: filled, ascending along each row, (n_rows, m).
    """
    n_rows, m = found.shape
    last = m - 1
    for i in range(n_rows):
        row, point = found[i], around[i]
        for start in range(0, m, 4):
            four = (
                row[start],
                row[min(start + 1, last)],
                row[min(start + 2, last)],
                row[min(start + 3, last)],
            )
            squares = _squares_to_four(points, point, four)
            for k in range(min(4, m - start)):
                candidate = four[k]
                distance = _root(points, point, candidate, squares[k])
                place = start + k
                while place > 0 and distances[i, place - 1] > distance:
                    distances[i, place] = distances[i, place - 1]
                    row[place] = row[place - 1]
                    place -= 1
                distances[i, place] = distance
                row[place] = candidate


@compiled(fastmath=REORDERED)
def all_distances(points: NDArray[np.floating], row: int, distances: NDArray[np.float64]) -> None:
    """Compute one point's distances to all points from float64 differences, (n,)."""
    last = len(points) - 1
    for start in range(0, len(points), 4):
        four = (start, min(start + 1, last), min(start + 2, last), min(start + 3, last))
        squares = _squares_to_four(points, row, four)
        for k in range(min(4, len(points) - start)):
            distances[start + k] = _root(points, row, four[k], squares[k])


@compiled()
def keep_some(
    distances: NDArray[np.float64],
    indices: NDArray[np.int32],
    rows: NDArray[np.int64],
    position: NDArray[np.int32],
    kept_distances: NDArray[np.float64],
    kept_indices: NDArray[np.int32],
) -> NDArray[np.bool_]:
    """Copy some rows of neighbours without the points that are gone.

    Args:
        distances: ascending along each row, (n, m).
        indices: the points they belong to, (n, m).
        rows: the rows that stay, (n_kept,).
        position: each point's new index, or -1 if it is gone, (n,).
        kept_distances: filled with the first neighbours that stay, (n_kept, m_kept).
        kept_indices: filled with their new indices, (n_kept, m_kept).

    Returns:
        Which of the rows have neighbours enough, (n_kept,).
    """
    n_kept, m_kept = kept_distances.shape
    full = np.zeros(n_kept, dtype=np.bool_)
    for i in range(n_kept):
        row = rows[i]
        place = 0
        for j in range(indices.shape[1]):
            if place == m_kept:
                break
            index = position[indices[row, j]]
            if index >= 0:
                kept_distances[i, place] = distances[row, j]
                kept_indices[i, place] = index
                place += 1
        full[i] = place == m_kept
    return full
