"""Waiting for the store's file: other threads first, then other processes."""

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb

from embstore.errors import UsageError
from embstore.store.failures import is_locked, opening_error
from embstore.store.places import Place

T = TypeVar("T")

DEFAULT_TIMEOUT = 10.0
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5

_guard = threading.Lock()
_locks: dict[Place, threading.RLock] = {}


def thread_lock(place: Place) -> threading.RLock:
    """Return this process's lock for a store.

    DuckDB refuses a second connection to a file with other settings, even in the
    same process, so reading and writing threads take turns.
    """
    with _guard:
        return _locks.setdefault(place, threading.RLock())


def lock_timeout(seconds: float | None) -> float:
    """Return how long to wait for another process: argument, environment, default."""
    text = str(seconds) if seconds is not None else os.environ.get("EMBSTORE_LOCK_TIMEOUT")
    if text is None:
        return DEFAULT_TIMEOUT
    try:
        timeout = float(text)
    except ValueError:
        timeout = -1.0
    if not 0 <= timeout < float("inf"):
        raise UsageError(f"lock timeout is {text!r}: give a number of seconds, 0 or more")
    return timeout


def open_with_retry(place: Place, timeout: float, connect: Callable[[], T]) -> T:
    """Call ``connect`` until no other process holds ``place``, for ``timeout`` seconds.

    Pauses grow exponentially and are drawn from zero up ("full jitter"), so that
    many waiting writers do not come back at the same moment.

    Raises:
        StoreLockedError: the file was held all the while.
        StoreError: the file cannot be opened for another reason.
    """
    deadline = time.monotonic() + timeout
    longest = _FIRST_PAUSE
    while True:
        try:
            return connect()
        except Exception as error:
            # SQLAlchemy wraps the driver's error and keeps it as ``orig``.
            cause = getattr(error, "orig", error)
            if not isinstance(cause, duckdb.Error):
                raise
            remaining = deadline - time.monotonic()
            if not is_locked(cause) or remaining <= 0:
                # Of a lake what opens it explains its errors.
                raise opening_error(Path(str(place)), cause, timeout) from error
        time.sleep(min(remaining, random.uniform(0, longest)))  # noqa: S311 - not a secret
        longest = min(2 * longest, _LONGEST_PAUSE)
