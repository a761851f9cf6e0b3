"""In which order sequences of unequal lengths go through a model, and which go together."""

import numpy as np
from numpy.typing import NDArray

# Of a sequence in a batch at most such a part may be padding; the second where a batch would have
# fewer tokens than that without, since each batch costs as much as some hundred tokens besides.
_MOST_PADDING, _TO_FILL, _FEW_TOKENS = 1 / 5, 2 / 5, 1024


def longest_first(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return sequences in the order of their lengths, equally long ones in their own order, (n,).

    The order does not depend on how many fit into a batch. The longest come first because some
    models give up their sparse attention for good at the first short sequence: so each is fed as
    it would be alone. And what memory does not hold is found at once.

    Args:
        lengths: tokens of each sequence, (n,).

    >>> longest_first(np.array([2, 9, 2, 8])).tolist()
    [1, 3, 0, 2]
    """
    order: NDArray[np.int64] = np.lexsort((np.arange(len(lengths)), -lengths))
    return order


def n_together(lengths: NDArray[np.int64], *, tokens: int, pads: bool) -> int:
    """Return how many of the next sequences go into one batch, at least one.

    Args:
        lengths: tokens of each that is left, the longest first, (n,).
        tokens: how many fit into a batch, with padding.
        pads: whether sequences of unequal lengths may go together.

    >>> lengths = np.array([900, 800, 200, 200])
    >>> n_together(lengths, tokens=9000, pads=True), n_together(lengths, tokens=9000, pads=False)
    (2, 1)
    """
    longest = int(lengths[0])
    most = max(tokens // longest, 1)
    if not pads:
        return min(_at_least(lengths, longest), most)
    alike = _at_least(lengths, longest - int(longest * _MOST_PADDING))
    fill = min(_at_least(lengths, longest - int(longest * _TO_FILL)), _FEW_TOKENS // longest)
    return min(max(alike, fill), most)


def _at_least(lengths: NDArray[np.int64], least: int) -> int:
    """Count those that are not shorter; they stand first."""
    return int(np.searchsorted(-lengths, -least, side="right"))
