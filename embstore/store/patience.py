"""Tries again what fails for a reason that may be gone in a moment."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from embstore.errors import StoreError

T = TypeVar("T")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


def patiently(work: Callable[[], T], seconds: float, may_pass: Callable[[StoreError], bool]) -> T:
    """Do some work, again and again while it fails for what may pass, for so many seconds.

    Raises:
        StoreError: the last reason.
    """
    deadline = time.monotonic() + seconds
    longest = _FIRST_PAUSE
    while True:
        try:
            return work()
        except StoreError as error:
            if not may_pass(error) or time.monotonic() >= deadline:
                raise
        # Drawn, so that many do not come back at the same moment.
        time.sleep(random.uniform(0, longest))  # noqa: S311 - not a secret
        longest = min(2 * longest, _LONGEST_PAUSE)
