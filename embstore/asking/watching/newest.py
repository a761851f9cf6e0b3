"""Tells whether a store has runs that it had not, without getting in the way of who writes it.

A file is only looked at from outside while nothing changes: opening it would make a writer wait.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.errors import (
    EmbstoreError,
    StoreLockedError,
    StoreMissingError,
    StoreUnreachableError,
)
from embstore.store.assembling import NoTaggedRunError

if TYPE_CHECKING:
    from embstore.store.database import Database

# A number, not a moment: for moments Arrow imports pandas if it is installed.
_MOMENT = "SELECT count(*) AS runs, max(epoch_us(created_at)) AS newest FROM run"


@dataclass(frozen=True)
class Moment:
    """Which runs a store has: where it is equal, they are the same.

    Attributes:
        runs: how many.
        newest: when the last was measured, in microseconds since 1970; None without any.
    """

    runs: int
    newest: int | None


class Newest:
    """A store that is asked again and again which runs it has."""

    def __init__(self, open_store: Callable[[], "Database"]) -> None:
        """Take what opens the store, which need not be there yet."""
        self._open = open_store
        self._database: Database | None = None
        self._stamp: object | None = None
        self._moment: Moment | None = None

    def moment(self) -> tuple["Database", Moment]:
        """Return the store and which runs it has now.

        Raises:
            StoreError: it is not there yet, is held by another process, or cannot be read.
            NoTaggedRunError: none of its runs has the tags that it was opened with.
        """
        database = self._database
        stamp = None if database is None else database.stamp()
        known = stamp is not None and stamp == self._stamp
        if database is not None and self._moment is not None and known:
            return database, self._moment
        # What changed may be another store by now; one on a server stays the same.
        if database is None or stamp is not None:
            self._database = None
            database = self._open()
            # Before it is asked: what is written meanwhile changes it once more.
            stamp = database.stamp()
        (row,) = database.select(_MOMENT).to_pylist()
        self._database, self._stamp, self._moment = database, stamp, Moment(**row)
        return database, self._moment


def may_come(error: EmbstoreError) -> bool:
    """Say whether a store that cannot be read now may be in a moment, or once a run is stored."""
    passing = StoreMissingError | StoreLockedError | StoreUnreachableError | NoTaggedRunError
    return isinstance(error, passing)
