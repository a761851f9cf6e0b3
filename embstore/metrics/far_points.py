"""Whether a few points far from all others decide an estimate of dimension.

Around an attention sink the next neighbours are other sinks or, from some rank on, ordinary
tokens many times as far. One sink more or less in the sample moves that rank, and with it what
all sinks say: the estimate jumps, and no sum over windows tells by how much.
"""

import numpy as np
from numpy.typing import NDArray

from embstore.types import FloatArray

# A point is far if the last of its neighbours is at so many times the usual distance.
_FAR = 4.0


def far_points(distances: FloatArray) -> NDArray[np.bool_]:
    """Tell which points are far from all but a few others.

    Args:
        distances: to each point's nearest neighbours, ascending, (n, k).

    >>> far_points(np.array([[1.0, 2.0], [1.0, 3.0], [1.0, 99.0]])).tolist()
    [False, False, True]
    """
    last = distances[:, -1]
    return np.asarray(last > _FAR * np.median(last))


def decide(distances: FloatArray, influence: FloatArray, value: float, error: float) -> bool:
    """Tell whether far points move an estimate by more than its error, or may.

    They may where they would with another number of them: then the widest ratio of two radii
    around each, of which the outer holds twice the neighbours, may be the one that counts.

    Args:
        distances: to each point's nearest neighbours, ascending, (n, k).
        influence: how much each point moves the estimate, up to a constant, (n,).
        value: the estimate.
        error: its standard error.
    """
    far = far_points(distances)
    if not far.any():
        return False
    n, k = distances.shape
    moved = abs(float((influence[far] - influence.mean()).sum())) / n
    doubled = 2 ** np.arange(k.bit_length()) - 1
    widest = np.diff(np.log(distances[np.ix_(far, doubled)]), axis=1).max(axis=1, initial=0.0)
    # Everywhere else the ratio is 2^(1/value).
    might = value * float(widest.sum()) / (n * np.log(2.0) / value)
    return bool(max(moved, might) > error)
