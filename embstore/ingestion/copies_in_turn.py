"""Lets a checkpoint with the weights of an earlier one be stored after that.

Of equal weights the first measured is the original (``embstore.store.duplicates``): in the order
of the series, not in that of who is done first.
"""

import threading

from embstore.checkpoints.located import Located

# For a run that is being stored: an ingest that ends waits no longer than three times this.
_ENDING_SECONDS = 5.0


class CopiesInTurn:
    """The weights of the checkpoints that are being measured."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._weights: dict[int, tuple[str, str] | None] = {}
        self._stopped = False

    def begin(self, index: int, located: Located | None) -> None:
        """Take note of a checkpoint; in the order of the series."""
        weights = (located.name, located.checkpoint.weights_sha256) if located else None
        with self._changed:
            self._weights[index] = weights

    def end(self, index: int) -> None:
        """A checkpoint is stored, or has failed."""
        with self._changed:
            self._weights.pop(index, None)
            self._changed.notify_all()

    def wait(self, index: int) -> None:
        """Wait for earlier checkpoints with the same weights.

        Where the ingest ends, these end with it, or are being stored; then nobody waits longer.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or not self._has_earlier(index))
            self._changed.wait_for(lambda: not self._has_earlier(index), _ENDING_SECONDS)

    def stop(self) -> None:
        """Keep nobody waiting for long: what is measured is to be stored."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _has_earlier(self, index: int) -> bool:
        mine = self._weights[index]
        return any(other < index and its == mine for other, its in self._weights.items())
