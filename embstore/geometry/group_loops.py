"""Single passes over groups of rows, such as the tokens of a window, compiled."""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import REORDERED, compiled
from embstore.geometry.row_loops import length_of

# A mean of this share of the longest vector, or less, is rounding.
NO_MEAN = 1e-14


@compiled(fastmath=REORDERED)
def mean_rows(
    X: NDArray[np.floating],
    rows: NDArray[np.int64],
    ends: NDArray[np.int64],
    out: NDArray[np.floating],
) -> None:
    """Fill ``out``, (n_groups, d), with the means of groups of rows.

    Args:
        X: (n, d).
        rows: which of its rows, group after group.
        ends: where in ``rows`` each group ends, none of them empty, (n_groups,).
        out: what is filled.
    """
    d = X.shape[1]
    total = np.empty(d)
    start = 0
    for group in range(len(ends)):
        total[:] = 0.0
        first = rows[start]
        for row in rows[start : ends[group]]:
            for c in range(d):
                # From the first row on, so that one row is exactly its own mean.
                total[c] += np.float64(X[row, c]) - np.float64(X[first, c])
        for c in range(d):
            out[group, c] = np.float64(X[first, c]) + total[c] / (ends[group] - start)
        start = ends[group]


@compiled(fastmath=REORDERED)
def directions(X: NDArray[np.floating], rows: NDArray[np.int64], out: NDArray[np.float64]) -> None:
    """Fill ``out``, (n_rows, d), with some rows scaled to length one; NaN for those of zero."""
    for i in range(len(rows)):
        length = length_of(X, rows[i])
        for c in range(X.shape[1]):
            out[i, c] = np.float64(X[rows[i], c]) / length if length > 0.0 else np.nan


@compiled(fastmath=REORDERED)
def cosines_to_means(
    X: NDArray[np.floating],
    rows: NDArray[np.int64],
    ends: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Fill ``out`` with the mean cosine of the rows of each group with the group's mean.

    Args:
        X: (n, d), finite.
        rows: which of its rows, group after group.
        ends: where in ``rows`` each group ends, none of them empty, (n_groups,).
        out: what is filled; NaN for fewer than two rows with a direction, or a mean of zero.
    """
    d = X.shape[1]
    mean = np.empty(d)
    start = 0
    for group in range(len(ends)):
        mean[:] = 0.0
        for row in rows[start : ends[group]]:
            for c in range(d):
                mean[c] += np.float64(X[row, c])
        size = 0.0
        for c in range(d):
            mean[c] /= ends[group] - start
            size += mean[c] * mean[c]
        size = np.sqrt(size)
        total, n, longest = 0.0, 0, 0.0
        for row in rows[start : ends[group]]:
            length = length_of(X, row)
            longest = max(longest, length)
            if length == 0.0:
                continue
            product = 0.0
            for c in range(d):
                product += mean[c] * np.float64(X[row, c])
            total += product / length
            n += 1
        out[group] = total / (n * size) if n > 1 and size > NO_MEAN * longest else np.nan
        start = ends[group]


@compiled(fastmath=REORDERED)
def curvatures(
    X: NDArray[np.floating],
    rows: NDArray[np.int64],
    ends: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Fill ``out`` with the mean angle, in degrees, between steps from row to row in each group.

    Args:
        X: (n, d), finite.
        rows: which of its rows, ascending in each group; only three that follow each other in
            ``X`` make two steps.
        ends: where in ``rows`` each group ends, none of them empty, (n_groups,).
        out: what is filled; NaN where no two steps follow each other, or have a direction.
    """
    d = X.shape[1]
    start = 0
    for group in range(len(ends)):
        total, n = 0.0, 0
        for place in range(start, ends[group] - 2):
            row = rows[place]
            if rows[place + 2] != row + 2:
                continue
            product, before, after = 0.0, 0.0, 0.0
            for c in range(d):
                middle = np.float64(X[row + 1, c])
                one = middle - np.float64(X[row, c])
                other = np.float64(X[row + 2, c]) - middle
                product += one * other
                before += one * one
                after += other * other
            if before > 0.0 and after > 0.0:
                cosine = product / (np.sqrt(before) * np.sqrt(after))
                total += np.arccos(min(1.0, max(-1.0, cosine)))
                n += 1
        out[group] = np.degrees(total / n) if n else np.nan
        start = ends[group]
