"""Single passes over token vectors, compiled: sums and lengths without temporary arrays."""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import REORDERED, compiled

# Squares of longer or shorter vectors leave float64's range.
_LONGEST, _SHORTEST = 1e150, 1e-140


@compiled(fastmath=REORDERED)
def length_of(X: NDArray[np.floating], row: int) -> float:
    """Euclidean norm of one row of (n, d), also where its square leaves float64's range."""
    d = X.shape[1]
    total = 0.0
    for c in range(d):
        value = np.float64(X[row, c])
        total += value * value
    length: float = np.sqrt(total)
    if _SHORTEST < length < _LONGEST:
        return length
    peak = 0.0
    for c in range(d):
        peak = max(peak, abs(np.float64(X[row, c])))
    if peak == 0.0:
        return 0.0
    total = 0.0
    for c in range(d):
        value = np.float64(X[row, c]) / peak
        total += value * value
    scaled: float = peak * np.sqrt(total)
    return scaled


@compiled(fastmath=REORDERED)
def describe_rows(
    X: NDArray[np.floating],
    rows: NDArray[np.int64],
    mean: NDArray[np.float64],
    unit_sum: NDArray[np.float64],
    unit_squares: NDArray[np.float64],
) -> tuple[int, float, float]:
    """Sum up some vectors and their directions.

    Args:
        X: (n, d), finite.
        rows: which of its rows, at least one.
        mean: filled with the mean of the rows, (d,).
        unit_sum: filled with the sum of the rows scaled to length one, (d,).
        unit_squares: filled with the sum of their squared coordinates, (d,).

    Returns:
        The number of rows of length zero, the largest length, the largest absolute
        coordinate.
    """
    d = X.shape[1]
    mean[:] = 0.0
    unit_sum[:] = 0.0
    unit_squares[:] = 0.0
    n_zero = 0
    longest = 0.0
    peak = 0.0
    first = rows[0]
    for row in rows:
        length = length_of(X, row)
        longest = max(longest, length)
        # One over the shortest lengths is beyond float64: those divide.
        short = length < _SHORTEST
        inverse = 0.0
        if length == 0.0:
            n_zero += 1
        elif not short:
            inverse = 1.0 / length
        for c in range(d):
            value = np.float64(X[row, c])
            # From the first row on, so that equal rows have exactly their own mean.
            mean[c] += value - np.float64(X[first, c])
            peak = max(peak, abs(value))
            if short and length > 0.0:
                value /= length
            else:
                value *= inverse
            unit_sum[c] += value
            unit_squares[c] += value * value
    for c in range(d):
        mean[c] = np.float64(X[first, c]) + mean[c] / len(rows)
    return n_zero, longest, peak


@compiled(fastmath=REORDERED)
def centre_rows(
    X: NDArray[np.floating],
    rows: NDArray[np.int64],
    mean: NDArray[np.float64],
    centred: NDArray[np.floating],
) -> None:
    """Fill ``centred``, (n_rows, d), with some rows of ``X``, (n, d), less ``mean``, (d,)."""
    d = X.shape[1]
    for i in range(len(rows)):
        for c in range(d):
            centred[i, c] = np.float64(X[rows[i], c]) - mean[c]


@compiled(fastmath=REORDERED)
def add_scatter(
    scatter: NDArray[np.float64],
    product: NDArray[np.floating],
    unit: float,
    step_x: NDArray[np.float64],
    step_y: NDArray[np.float64],
    weight: float,
) -> None:
    """Add a product and the weighted outer product of two steps to ``scatter``, (d_x, d_y).

    The product comes in units of ``unit``.
    """
    for i in range(scatter.shape[0]):
        factor = weight * step_x[i]
        for j in range(scatter.shape[1]):
            scatter[i, j] += product[i, j] * unit + factor * step_y[j]


@compiled()
def count_common(
    first: NDArray[np.integer], second: NDArray[np.integer], n: int
) -> NDArray[np.int64]:
    """Count the indices that each row of ``first``, (n_rows, k), shares with ``second``'s.

    Args:
        first: indices below n, each once a row.
        second: the same.
        n: one more than the largest index.
    """
    common = np.zeros(len(first), dtype=np.int64)
    seen = np.full(n, -1, dtype=np.int64)
    for i in range(len(first)):
        for j in range(first.shape[1]):
            seen[first[i, j]] = i
        for j in range(second.shape[1]):
            if seen[second[i, j]] == i:
                common[i] += 1
    return common


@compiled()
def add_shared(
    first: NDArray[np.integer],
    second: NDArray[np.integer],
    shares: NDArray[np.float64],
    added: NDArray[np.float64],
) -> None:
    """Add to each index what it does to the rows that list it: whether both lists do.

    From that goes what any index would do in its place: the row's share for each list that
    it is in, halved.

    Args:
        first: indices below n, each once a row, (n, k).
        second: the same.
        shares: of each row's indices that are in both, (n,).
        added: added to, (n,).
    """
    n, k = first.shape
    seen = np.full(n, -1, dtype=np.int64)
    for i in range(n):
        usual = shares[i] / 2
        for j in range(k):
            seen[first[i, j]] = i
            added[first[i, j]] -= usual
        for j in range(k):
            added[second[i, j]] -= usual
            if seen[second[i, j]] == i:
                added[second[i, j]] += 1.0


@compiled()
def peaks(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the largest absolute coordinate of each row of ``X``, (n, d), as (n,)."""
    n, d = X.shape
    found = np.zeros(n)
    for i in range(n):
        peak = np.float64(0.0)
        for c in range(d):
            peak = max(peak, abs(np.float64(X[i, c])))
        found[i] = peak
    return found


@compiled(fastmath=REORDERED)
def centre_to_single(
    X: NDArray[np.floating],
    mean: NDArray[np.float64],
    scale: float,
    centred: NDArray[np.float32],
) -> None:
    """Fill ``centred``, (n, d), with (X − mean)·scale, rounded at the end."""
    n, d = X.shape
    for i in range(n):
        for c in range(d):
            centred[i, c] = np.float32((np.float64(X[i, c]) - mean[c]) * scale)


@compiled(fastmath=REORDERED)
def sum_squares(
    X: NDArray[np.floating], index: NDArray[np.int64], sums: NDArray[np.float64]
) -> None:
    """Add the squared coordinates of each row of ``X``, (n, d), to row ``index[i]`` of ``sums``.

    A row whose index is -1 does not count.
    """
    n, d = X.shape
    for i in range(n):
        if index[i] < 0:
            continue
        for c in range(d):
            value = np.float64(X[i, c])
            sums[index[i], c] += value * value


@compiled()
def absolute_median(X: NDArray[np.float32]) -> float:
    """Return the median of the absolute coordinates of ``X``, finite, (n, d) with n·d >= 1.

    Non-negative floats rank like the integers of their bits: one pass counts the upper
    half of those, a second the lower half of the few that share the median's upper half.
    """
    bits = X.view(np.uint32)
    n, d = X.shape
    upper = np.zeros(1 << 15, dtype=np.int64)
    for i in range(n):
        for c in range(d):
            upper[(bits[i, c] & np.uint32(0x7FFFFFFF)) >> np.uint32(16)] += 1
    total = 0.0
    for rank in ((n * d - 1) // 2, (n * d) // 2):
        before = 0
        high = 0
        while before + upper[high] <= rank:
            before += upper[high]
            high += 1
        lower = np.zeros(1 << 16, dtype=np.int64)
        for i in range(n):
            for c in range(d):
                if (bits[i, c] & np.uint32(0x7FFFFFFF)) >> np.uint32(16) == np.uint32(high):
                    lower[bits[i, c] & np.uint32(0xFFFF)] += 1
        low = 0
        while before + lower[low] <= rank:
            before += lower[low]
            low += 1
        word = np.empty(1, dtype=np.uint32)
        word[0] = np.uint32((high << 16) | low)
        total += np.float64(word.view(np.float32)[0])
    return total / 2


@compiled()
def lengths(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the Euclidean norm of each row of ``X``, (n, d), as (n,)."""
    n = X.shape[0]
    found = np.empty(n)
    for i in range(n):
        found[i] = length_of(X, i)
    return found


@compiled(fastmath=REORDERED)
def cosines_to(X: NDArray[np.floating], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the product of each row's direction with one more vector, 0 for a row of zeros.

    Args:
        X: (n, d).
        direction: a vector of at most length one, (d,).
    """
    n, d = X.shape
    products = np.zeros(n)
    for i in range(n):
        length = length_of(X, i)
        if length == 0.0:
            continue
        total = 0.0
        for c in range(d):
            total += np.float64(X[i, c]) * direction[c]
        products[i] = total / length
    return products


@compiled(fastmath=REORDERED)
def squares_about(
    X: NDArray[np.floating],
    centre: NDArray[np.float64],
    weights: NDArray[np.float64],
    otherwise: float,
) -> NDArray[np.float64]:
    """Return of each row's direction the weighted sum of squared distances from a centre, (n,).

    Args:
        X: (n, d).
        centre: (d,).
        weights: how much each coordinate counts, (d,).
        otherwise: what a row of zeros has.
    """
    n, d = X.shape
    sums = np.full(n, otherwise)
    for i in range(n):
        length = length_of(X, i)
        if length == 0.0:
            continue
        total = 0.0
        for c in range(d):
            away = np.float64(X[i, c]) / length - centre[c]
            total += weights[c] * away * away
        sums[i] = total
    return sums
