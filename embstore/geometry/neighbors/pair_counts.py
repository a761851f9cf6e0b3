"""How many points lie within a radius: from lists of neighbours, and from all pairs."""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import compiled
from embstore.geometry.neighbors.bounds import Bounds, bounds_of
from embstore.geometry.neighbors.candidates import centred
from embstore.geometry.neighbors.loops import distance_between
from embstore.types import FloatArray

_BLOCK = 256


@compiled()
def count_listed(
    distances: NDArray[np.float64],
    indices: NDArray[np.int32],
    complete: NDArray[np.bool_],
    radii: NDArray[np.float64],
    member: NDArray[np.bool_],
    counts: NDArray[np.int64],
) -> None:
    """Count each pair within a radius that the list of one of its points tells of.

    Args:
        distances: ascending along each row, (n, m).
        indices: the points they belong to, (n, m).
        complete: whose lists reach beyond all radii, (n,).
        radii: of each scope, (s, r).
        member: which points belong to each scope, (s, n).
        counts: the pairs of each point are added, (s, n, r).
    """
    n, m = indices.shape
    n_scopes, n_radii = radii.shape
    for i in range(n):
        if not complete[i]:
            continue
        for scope in range(n_scopes):
            if not member[scope, i]:
                continue
            for r in range(n_radii):
                radius = radii[scope, r]
                for j in range(m):
                    # Written so that a radius of NaN ends the loop, too.
                    if not distances[i, j] <= radius:
                        break
                    other = indices[i, j]
                    if member[scope, other]:
                        counts[scope, i, r] += 1
                        # A complete list counts the pair for its own point.
                        if not complete[other]:
                            counts[scope, other, r] += 1


def count_products(
    points: NDArray[np.floating],
    rows: NDArray[np.int64],
    radii: FloatArray,
    member: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Count the other points within each radius of some points, among all pairs.

    A float32 product tells on which side of the radius a pair is, unless it is so near
    that rounding could move it across: then float64 differences do.

    Args:
        points: distinct points, (n, d).
        rows: the points to count around, (n_rows,).
        radii: of each scope, (s, r).
        member: which points belong to each scope, (s, n).

    Returns:
        The counts, 0 around a point that is no member, (s, n_rows, r).
    """
    n = len(points)
    counts = np.zeros((len(radii), len(rows), radii.shape[1]), dtype=np.int64)
    moved = centred(points, np.arange(n))
    buffer = np.empty((min(_BLOCK, len(rows)), n), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        around = rows[part]
        products = buffer[: len(around)]
        np.dot(moved.vectors[around], moved.vectors.T, out=products)
        bounds = bounds_of(moved, around, radii)
        _count_block(products, around, bounds, points, radii, member, counts[:, part])
    return counts


@compiled()
def _count_block(
    products: NDArray[np.float32],
    rows: NDArray[np.int64],
    bounds: Bounds,
    points: NDArray[np.floating],
    radii: NDArray[np.float64],
    member: NDArray[np.bool_],
    counts: NDArray[np.int64],
) -> None:
    """Fill the counts of some rows from their products.

    Args:
        products: of the points to count around with all points, (b, n).
        rows: the points to count around, (b,).
        bounds: what a product proves.
        points: (n, d).
        radii: of each scope, (s, r).
        member: which points belong to each scope, (s, n).
        counts: zeros; filled, (s, b, r).
    """
    n_scopes, n_radii = radii.shape
    n = products.shape[1]
    near = np.empty(n + 1, dtype=np.int32)
    for i in range(len(rows)):
        row = rows[i]
        # Write every index, and advance only past a near one: no branch to mispredict.
        n_near = 0
        for j in range(n):
            near[n_near] = j
            n_near += bounds.less[j] - products[i, j] <= bounds.farthest[i]
        for place in range(n_near):
            j = near[place]
            if j == row:
                continue
            most = bounds.more[j] - products[i, j]
            least = bounds.less[j] - products[i, j]
            distance = -1.0
            for scope in range(n_scopes):
                if not (member[scope, row] and member[scope, j]):
                    continue
                for r in range(n_radii):
                    if most <= bounds.inside[i, scope, r]:
                        counts[scope, i, r] += 1
                    elif least <= bounds.outside[i, scope, r]:
                        if distance < 0.0:
                            distance = distance_between(points, row, j)
                        counts[scope, i, r] += distance <= radii[scope, r]
