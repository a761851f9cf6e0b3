"""Which tokens the batches of a pass had: batches may bring windows in any order.

A window is known by its number in the order of the draw, which is random: so windows of low
numbers are a fair sample of all, however batches are filled.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from embstore.models.hidden_states import HiddenBatch


class TokensRead:
    """The token ids read so far, window by window: 8 bytes a token.

    Attributes:
        places: of a window in flat positions among all windows.
    """

    def __init__(self) -> None:
        self.places = 1
        self._ids: list[NDArray[np.int64]] = []
        self._numbers: list[NDArray[np.int64]] = []

    def add(self, numbers: NDArray[np.int64], ids: NDArray[np.int64], places: int) -> None:
        """Take in a batch.

        Args:
            numbers: of its windows, (windows,).
            ids: its token ids, (windows, places of this batch).
            places: of a window in flat positions among all windows.
        """
        self.places = places
        self._ids.append(ids)
        self._numbers.append(numbers)

    def token_id(self, number: int, position: int) -> int:
        """Return the id at a position of a window that was read."""
        numbers = np.concatenate(self._numbers)
        (at,) = np.flatnonzero(numbers == number)
        ends = np.cumsum([len(of_batch) for of_batch in self._numbers])
        batch = int(np.searchsorted(ends, at, side="right"))
        return int(self._ids[batch][at - ends[batch], position])

    def in_order(self, by_window: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        """Return rows of all windows by the windows' numbers, (n_windows, ...).

        Args:
            by_window: a row for each window, batch by batch.
        """
        rows = np.concatenate(by_window)
        if not self._numbers:
            return rows
        ordered = np.empty_like(rows)
        ordered[np.concatenate(self._numbers)] = rows
        return ordered


def sampled_of(
    batch: "HiddenBatch", positions: NDArray[np.int64]
) -> tuple[NDArray[np.int64], slice | NDArray[np.int64]]:
    """Return which places of a batch are sampled, and which rows of the sample they are.

    Args:
        batch: some windows.
        positions: ascending flat positions of the sample among all windows.

    Returns:
        The places, flat and ascending; and the rows, as a slice where windows come in their order.
    """
    starts = batch.windows * batch.places
    first, last = np.searchsorted(positions, [starts, starts + batch.places])
    counts = last - first
    rows = np.repeat(np.arange(len(starts)), counts)
    # One range of the sample after the other.
    before = np.cumsum(counts) - counts
    at = np.arange(len(rows)) - before[rows] + first[rows]
    places = positions[at] - starts[rows] + rows * batch.mask.shape[1]
    return places, slice(int(first[0]), int(last[-1])) if batch.numbers is None else at
