"""In which order sequences of unequal lengths go through a model, and which go together.

Padding is fed only where it cannot reach a number: to a model that was seen to be causal, whose
earlier positions no later one moves. Others get sequences of equal lengths together, so that
nothing depends on what their layers make of a mask.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# Of a batch at most such a part may be padding.
_MOST_PADDING = 1 / 8


def batches_by_length(
    lengths: NDArray[np.int64], *, tokens: int, pads: bool
) -> Iterator[NDArray[np.int64]]:
    """Yield which sequences go together, the longest first, equally long ones in their order.

    The order does not depend on how many fit into a batch. The longest come first because some
    models give up their sparse attention for good at the first short sequence: so each is fed as
    it would be alone. And what memory does not hold is found at once.

    Args:
        lengths: tokens of each sequence, (n,).
        tokens: how many fit into a batch, with padding; one sequence always does.
        pads: whether sequences of unequal lengths may go together.

    >>> lengths = np.array([2, 9, 2, 8])
    >>> [rows.tolist() for rows in batches_by_length(lengths, tokens=18, pads=True)]
    [[1, 3], [0, 2]]
    >>> [rows.tolist() for rows in batches_by_length(lengths, tokens=18, pads=False)]
    [[1], [3], [0, 2]]
    """
    order = np.lexsort((np.arange(len(lengths)), -lengths))
    at = 0
    while at < len(order):
        longest = int(lengths[order[at]])
        least = longest - int(longest * _MOST_PADDING) if pads else longest
        # Descending, so that those long enough stand together.
        enough = at + int((lengths[order[at:]] >= least).sum())
        until = min(enough, at + max(tokens // longest, 1))
        yield order[at:until]
        at = until
