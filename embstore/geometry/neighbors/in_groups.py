"""The two nearest others of each row among those of its group, such as the tokens of a window."""

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.arithmetic.protocol import Rows, Vectors
from embstore.geometry.neighbors.on_accelerator import two_nearest_torch
from embstore.geometry.neighbors.search import nearest_neighbors
from embstore.geometry.neighbors.ties import join_ties
from embstore.types import FloatArray


def two_nearest(X: Vectors, rows: Rows, ends: Rows) -> list[FloatArray]:
    """Return how far the two nearest others of each row's group are, for each group alone.

    Rows that are equal, or equal but for rounding, are one; distances that are equal but
    for rounding are put equal.

    Args:
        X: (n, d), NumPy's or torch's on any device with float64.
        rows: which rows, group after group, ascending in each.
        ends: where in ``rows`` each group ends, ascending, none of them empty, (n_groups,).

    Returns:
        For each group the distances from its distinct rows, ascending along each,
        (n_distinct, 2); fewer columns where there are fewer than three distinct rows.
    """
    groups = np.split(rows, ends[:-1])
    if isinstance(X, np.ndarray):
        return [_on_host(X[group]) for group in groups]
    return [two_nearest_torch(X[group]) for group in groups]


def _on_host(X: NDArray[np.floating]) -> FloatArray:
    found = nearest_neighbors(X, 2)
    return join_ties(found.points, found.distances[:, :2])
