"""What was read of a store not long ago.

Each question opens the store, which takes longer than most answers, and waits while runs are
written. What all checkpoints ask is therefore read for all of them at once, and again now and then:
another ingest may write to the same store. Who knows less than it has measures something twice,
and the store takes it once.
"""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from embstore.errors import StoreError

Content = TypeVar("Content")

# How old it may be, and how much longer than reading it took, so that reading stays a small part.
_SECONDS, _TIMES = 10.0, 20.0


class Recently(Generic[Content]):
    """Something that is read again when it is old; to be used by one thread at a time."""

    def __init__(self, read: Callable[[], Content]) -> None:
        """Take what reads it; nothing is read yet.

        Args:
            read: may raise ``StoreError``; then what was read before stays.
        """
        self._read = read
        self._found: list[Content] = []
        self._until = 0.0

    def grow_old(self) -> None:
        """Have it read again when it is asked for next."""
        self._until = 0.0

    def get(self) -> Content:
        """Return it, at most some seconds old, or as it was when it could last be read.

        Raises:
            StoreError: it cannot be read, and could not be before.
        """
        began = time.monotonic()
        if not self._found or began >= self._until:
            try:
                self._found = [self._read()]
            except StoreError:
                if not self._found:
                    raise
            now = time.monotonic()
            self._until = now + max(_SECONDS, _TIMES * (now - began))
        return self._found[0]
