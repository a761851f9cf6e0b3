"""The eigenvectors of a matrix to which one vector's outer product is added.

What is known of the matrix does most of the work: the new eigenvalues lie between the old
ones and are found one by one, at d² for all of them where a decomposition costs d³ (Golub 1973,
doi 10.1137/1015032; Bunch, Nielsen & Sorensen 1978, doi 10.1007/BF01396012).
"""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import compiled
from embstore.geometry.arithmetic.choose import matmul
from embstore.types import FloatArray

EPS = float(np.finfo(np.float64).eps)
# Each step at least doubles the digits, once close; a bracket of float64 halves no more often.
_STEPS = 80


def add_outer_product(
    values: FloatArray, directions: FloatArray, vector: FloatArray, device: str = "cpu"
) -> tuple[FloatArray, FloatArray]:
    """Return the eigenvalues and directions of a matrix plus ``vector`` times itself.

    Args:
        values: eigenvalues of the matrix, none negative, largest first, (d,).
        directions: their eigenvectors, as columns, (d, d).
        vector: (d,).
        device: where directions are turned, if it has float64.

    Returns:
        As given: eigenvalues, largest first, and their eigenvectors as columns.
    """
    # In units that keep huge and tiny vectors in range, ascending.
    unit = max(float(values[0]) ** 0.5, float(np.abs(vector).max()))
    if not unit > 0:
        return values, directions
    poles = values[::-1] / unit / unit
    basis = directions[:, ::-1].copy()
    z = (vector / unit) @ basis
    free = _deflate(poles, z, basis, 8 * EPS)
    found = poles.copy()
    if len(free):
        moved, turned = _roots(poles[free], z[free])
        found[free] = moved
        basis[:, free] = matmul(basis[:, free], turned, device)
    order = np.argsort(found)[::-1]
    return found[order] * unit * unit, basis[:, order]


def _deflate(
    poles: FloatArray, z: FloatArray, basis: FloatArray, least: float
) -> NDArray[np.int64]:
    """Return which eigenvalues move, after turning equal ones so that one of them does.

    Changes ``z`` and ``basis`` in place.
    """
    free: list[int] = []
    for i in np.flatnonzero(np.abs(z) > least).tolist():
        if free and poles[i] - poles[free[-1]] <= least:
            last = free.pop()
            length = float(np.hypot(z[i], z[last]))
            c, s = z[i] / length, z[last] / length
            old, new = basis[:, last].copy(), basis[:, i].copy()
            basis[:, i], basis[:, last] = c * new + s * old, c * old - s * new
            z[i], z[last] = length, 0.0
        free.append(i)
    return np.array(free, dtype=np.int64)


def _roots(poles: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return where 1 + Σ z²/(pole − root) is zero, and the eigenvectors along the poles, (k, k)."""
    k = len(poles)
    # Of each pole its distance to each root: what is left of a difference of the two is rounding.
    apart = np.empty((k, k))
    roots = np.empty(k)
    _solve(poles, z * z, roots, apart)
    # The vector for which these roots are exact makes eigenvectors that are at right angles (Gu &
    # Eisenstat 1994, doi 10.1137/S089547989223924X).
    exact = np.empty(k)
    _matching(poles, apart, exact)
    turned = (np.sqrt(exact) * np.sign(z))[:, np.newaxis] / apart
    turned /= np.linalg.norm(turned, axis=0)
    return roots, turned


@compiled()
def _solve(
    poles: NDArray[np.float64],
    squares: NDArray[np.float64],
    roots: NDArray[np.float64],
    apart: NDArray[np.float64],
) -> None:
    """Fill ``roots``, (k,), and ``apart`` with pole i less root j, (k, k); poles ascend."""
    k = len(poles)
    total = squares.sum()
    for j in range(k):
        gap = poles[j + 1] - poles[j] if j + 1 < k else total
        # The root is counted from the nearer of the two poles beside it.
        value = 1.0
        for i in range(k):
            value += squares[i] / ((poles[i] - poles[j]) - gap / 2)
        origin = j if value >= 0 or j + 1 == k else j + 1
        low, high = 0.0, gap
        if j + 1 < k:
            low, high = (0.0, gap / 2) if origin == j else (-gap / 2, 0.0)
        elif value >= 0:
            high = gap / 2
        else:
            low = gap / 2
        t = (low + high) / 2
        for _ in range(_STEPS):
            below, above, below_slope, above_slope, size = 0.0, 0.0, 0.0, 0.0, 1.0
            for i in range(k):
                distance = (poles[i] - poles[origin]) - t
                term = squares[i] / distance
                size += abs(term)
                if i <= j:
                    below += term
                    below_slope += term / distance
                else:
                    above += term
                    above_slope += term / distance
            value = 1.0 + below + above
            if abs(value) <= EPS * k * size or high - low <= EPS * abs(t):
                break
            # The value grows with t.
            if value < 0:
                low = t
            else:
                high = t
            t = _next(t, poles[j] - poles[origin], gap, j + 1 < k, value, below_slope, above_slope)
            if not low < t < high:
                t = (low + high) / 2
        roots[j] = poles[origin] + t
        for i in range(k):
            apart[i, j] = (poles[i] - poles[origin]) - t


@compiled()
def _next(
    t: float,
    pole: float,
    gap: float,
    between: bool,
    value: float,
    below_slope: float,
    above_slope: float,
) -> float:
    """Where the sum would be zero if it had but the two poles beside it."""
    left = pole - t
    if not between:
        return t + left * value / (value - left * below_slope)
    right = left + gap
    a = (left + right) * value - left * right * (below_slope + above_slope)
    b = left * right * value
    c = value - left * below_slope - right * above_slope
    root = float(np.sqrt(max(a * a - 4 * b * c, 0.0)))
    if a > 0:
        return t + 2 * b / (a + root)
    return t + (a - root) / (2 * c) if c != 0 else np.inf


@compiled()
def _matching(
    poles: NDArray[np.float64], apart: NDArray[np.float64], squares: NDArray[np.float64]
) -> None:
    """Fill ``squares``, (k,), with those for which the roots are exact."""
    k = len(poles)
    for i in range(k):
        product = -apart[i, i]
        for j in range(k):
            if j != i:
                product *= -apart[i, j] / (poles[j] - poles[i])
        squares[i] = max(product, 0.0)
