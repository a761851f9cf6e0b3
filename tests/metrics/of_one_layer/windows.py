"""A metric of each window alone, of an array of windows."""

import numpy as np
from numpy.typing import NDArray

from embstore.geometry.arithmetic.choose import HOST
from embstore.geometry.arithmetic.protocol import Within
from embstore.measuring.vectors import measure_vectors
from embstore.types import Measurement


def number(X: NDArray[np.floating], metric: str) -> Measurement:
    """Measure windows, (windows, tokens, d), and return one number."""
    (found,) = (m for m in measure_vectors(X).measurements if m.metric == metric)
    return found


def of_each(X: NDArray[np.floating], what: Within) -> NDArray[np.float64]:
    """Return the number of each window, (windows,)."""
    n, length, d = X.shape
    rows, ends = np.arange(n * length), length * np.arange(1, n + 1)
    return HOST.within_groups(X.reshape(-1, d), rows, ends, what)
