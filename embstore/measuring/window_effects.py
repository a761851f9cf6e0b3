"""How much each window of a run moves a number, as it is stored beside the number.

Two runs over the same tokens have the same windows, so the error of a difference follows
from the differences of these effects. With many windows neighbouring ones are added up: 64
tell a standard error to a tenth, and a store should not grow with the number of windows.
"""

import numpy as np
from numpy.typing import NDArray

from embstore.types import FloatArray

MOST_EFFECTS = 64


def window_effects(
    effects: FloatArray, windows: NDArray[np.int64], n_windows: int
) -> tuple[float, ...]:
    """Return the effects of all windows of a run, in their order; at most 64 numbers.

    Of more windows, window w of n counts in place 64 w // n: a place depends on nothing but
    those two, so that it stands for the same tokens in every run that reads them.

    Args:
        effects: of the windows that move the number, (n_effects,); others have none, which is 0.
        windows: which these are, from 0, (n_effects,).
        n_windows: of the run.

    >>> window_effects(np.array([0.5, -0.5]), np.array([0, 3]), 4)
    (0.5, 0.0, 0.0, -0.5)
    """
    n_places = min(n_windows, MOST_EFFECTS)
    places = windows * n_places // n_windows
    found: list[float] = np.bincount(places, effects, minlength=n_places).tolist()
    return tuple(found)
