"""Single passes over the vectors of the same tokens in two layers, compiled."""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import REORDERED, compiled
from embstore.geometry.row_loops import length_of

# A slope beyond this belongs to a coordinate that hardly varies, and is of no use.
_STEEPEST = 1e30


@compiled(fastmath=REORDERED)
def own_slopes(
    X: NDArray[np.floating], Y: NDArray[np.floating], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return by how much each coordinate of ``Y`` follows the same one of ``X``, (d,).

    Args:
        X: vectors before, (n, d), finite.
        Y: vectors after, (n, d).
        rows: which of them, at least one.

    Returns:
        The slope of y_c on x_c, rounded to float32, so that its product with a float32 is
        exact; 0 where x_c does not vary.
    """
    d = X.shape[1]
    first = rows[0]
    sums = np.zeros((4, d))
    for row in rows:
        for c in range(d):
            x = np.float64(X[row, c]) - np.float64(X[first, c])
            y = np.float64(Y[row, c]) - np.float64(Y[first, c])
            sums[0, c] += x
            sums[1, c] += y
            sums[2, c] += x * x
            sums[3, c] += x * y
    slopes = np.zeros(d)
    for c in range(d):
        square = sums[2, c] - sums[0, c] * sums[0, c] / len(rows)
        product = sums[3, c] - sums[0, c] * sums[1, c] / len(rows)
        if square > 0.0 and abs(product) < _STEEPEST * square:
            slopes[c] = np.float64(np.float32(product / square))
    return slopes


@compiled(fastmath=REORDERED)
def describe_pair(
    X: NDArray[np.floating],
    Y: NDArray[np.floating],
    rows: NDArray[np.int64],
    slopes: NDArray[np.float64],
    mean_x: NDArray[np.float64],
    mean_rest: NDArray[np.float64],
) -> tuple[float, float]:
    """Fill the means of x and of what is left of y, over some rows, at least one.

    Args:
        X: vectors before, (n, d_x), finite.
        Y: vectors after, (n, d_y).
        rows: which of them.
        slopes: y less these times x is left, (d_y,); zeros between unequal widths.
        mean_x: filled, (d_x,).
        mean_rest: filled, (d_y,).

    Returns:
        The root of the mean square coordinate of x, and of what is left of y.
    """
    d_x, d_y = X.shape[1], Y.shape[1]
    first = rows[0]
    alike = d_x == d_y
    mean_x[:] = 0.0
    mean_rest[:] = 0.0
    start_x = X[first].astype(np.float64)
    start_rest = Y[first].astype(np.float64)
    if alike:
        start_rest -= slopes * start_x
    total_x = 0.0
    total_rest = 0.0
    for row in rows:
        for c in range(d_x):
            x = np.float64(X[row, c])
            mean_x[c] += x - start_x[c]
            total_x += x * x
        for c in range(d_y):
            rest = np.float64(Y[row, c])
            if alike:
                rest -= slopes[c] * np.float64(X[row, c])
            mean_rest[c] += rest - start_rest[c]
            total_rest += rest * rest
    n = len(rows)
    for c in range(d_x):
        mean_x[c] = start_x[c] + mean_x[c] / n
    for c in range(d_y):
        mean_rest[c] = start_rest[c] + mean_rest[c] / n
    return np.sqrt(total_x / (n * d_x)), np.sqrt(total_rest / (n * d_y))


@compiled(fastmath=REORDERED)
def centre_pair(
    X: NDArray[np.floating],
    Y: NDArray[np.floating],
    rows: NDArray[np.int64],
    slopes: NDArray[np.float64],
    mean_x: NDArray[np.float64],
    mean_rest: NDArray[np.float64],
    scale_x: float,
    scale_rest: float,
    centred_x: NDArray[np.floating],
    centred_rest: NDArray[np.floating],
    squares: NDArray[np.float64],
) -> None:
    """Centre and scale x and what is left of y, for the rows of ``describe_pair``.

    Args:
        X: vectors before, (n, d_x).
        Y: vectors after, (n, d_y).
        rows: which of them.
        slopes: as there.
        mean_x: as there.
        mean_rest: as there.
        scale_x: a factor for x.
        scale_rest: one for what is left of y.
        centred_x: filled, rounded at the end, (n_rows, d_x).
        centred_rest: filled likewise, (n_rows, d_y).
        squares: filled with the sum of the squares of what is left, before scale and
            rounding, (d_y,).
    """
    d_x, d_y = X.shape[1], Y.shape[1]
    alike = d_x == d_y
    squares[:] = 0.0
    for i in range(len(rows)):
        row = rows[i]
        for c in range(d_x):
            centred_x[i, c] = (np.float64(X[row, c]) - mean_x[c]) * scale_x
        for c in range(d_y):
            rest = np.float64(Y[row, c])
            if alike:
                rest -= slopes[c] * np.float64(X[row, c])
            rest -= mean_rest[c]
            squares[c] += rest * rest
            centred_rest[i, c] = rest * scale_rest


@compiled(fastmath=REORDERED)
def rest_to_single(
    X: NDArray[np.floating],
    Y: NDArray[np.floating],
    slopes: NDArray[np.float64],
    mean_rest: NDArray[np.float64],
    scale: float,
    centred: NDArray[np.float32],
) -> None:
    """Fill ``centred``, (n, d_y), with what is left of y about its mean, scaled, then rounded.

    Args:
        X: vectors before, (n, d_x).
        Y: vectors after, (n, d_y).
        slopes: y less these times x is left, (d_y,); zeros between unequal widths.
        mean_rest: (d_y,).
        scale: a factor.
        centred: filled.
    """
    n, d = Y.shape
    alike = X.shape[1] == d
    for i in range(n):
        for c in range(d):
            rest = np.float64(Y[i, c])
            if alike:
                rest -= slopes[c] * np.float64(X[i, c])
            centred[i, c] = np.float32((rest - mean_rest[c]) * scale)


@compiled(fastmath=REORDERED)
def pair_terms(
    X: NDArray[np.float32],
    rest: NDArray[np.float32],
    shift_x: NDArray[np.float64],
    shift_rest: NDArray[np.float64],
    slopes: NDArray[np.float64],
    unit: float,
    mapped: NDArray[np.float32],
    gained: NDArray[np.float32],
    fixed: NDArray[np.float64],
    turned: NDArray[np.float32],
    turned_shift: NDArray[np.float64],
    terms: NDArray[np.float64],
) -> None:
    """Fill ``terms``, (n, 4), with ‖y‖², ‖y − ŷ‖², y·t and ‖y − x‖² of each token.

    Args:
        X: with ``shift_x`` the vectors x, in units of ``unit`` of those of y; ``rest``
            itself between unequal widths, with slopes of zero, (n, d).
        rest: with ``shift_rest`` what is left of y, (n, d) and (d,).
        shift_x: added to each x, (d,).
        shift_rest: added to each rest, (d,).
        slopes: y is these times x and the rest, (d,).
        unit: one unit of X in units of y.
        mapped: with ``gained`` and ``fixed`` the predictions of the rest, (n, d).
        gained: added to each of these, (n, d).
        fixed: added to all, (d,).
        turned: with ``turned_shift`` the vectors t, (n, d).
        turned_shift: added to each, (d,).
        terms: filled.
    """
    n, d = rest.shape
    for i in range(n):
        square = 0.0
        missed = 0.0
        product = 0.0
        change = 0.0
        for c in range(d):
            x = (np.float64(X[i, c]) + shift_x[c]) * unit
            left = np.float64(rest[i, c]) + shift_rest[c]
            y = left + slopes[c] * x
            moved = left + (slopes[c] - 1.0) * x
            error = left - np.float64(mapped[i, c]) - np.float64(gained[i, c]) - fixed[c]
            square += y * y
            missed += error * error
            product += y * (np.float64(turned[i, c]) + turned_shift[c])
            change += moved * moved
        terms[i, 0] = square
        terms[i, 1] = missed
        terms[i, 2] = product
        terms[i, 3] = change


@compiled(fastmath=REORDERED)
def compare_rows(
    X: NDArray[np.floating],
    Y: NDArray[np.floating],
    rows: NDArray[np.int64],
    ratios: NDArray[np.float64],
    cosines: NDArray[np.float64],
) -> None:
    """Compare some rows of ``X`` with the same rows of ``Y``, both (n, d) and finite.

    Args:
        X: vectors before.
        Y: vectors after.
        rows: which, (n_rows,).
        ratios: filled with ‖y − x‖/‖x‖, NaN where x is zero, (n_rows,).
        cosines: filled with cos(x, y), NaN where x or y is zero, (n_rows,).
    """
    d = X.shape[1]
    for i in range(len(rows)):
        row = rows[i]
        before = length_of(X, row)
        after = length_of(Y, row)
        ratios[i] = np.nan
        cosines[i] = np.nan
        if before == 0.0:
            continue
        # Scaled first: a difference of huge vectors stays within range when squared.
        scale = 1.0 / max(before, after)
        moved = 0.0
        product = 0.0
        for c in range(d):
            x = np.float64(X[row, c]) * scale
            y = np.float64(Y[row, c]) * scale
            moved += (y - x) * (y - x)
            product += x * y
        ratios[i] = np.sqrt(moved) / (before * scale)
        if after > 0.0:
            cosines[i] = min(1.0, max(-1.0, product / (before * scale * after * scale)))
