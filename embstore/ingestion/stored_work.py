"""Knows which work is stored, also while somebody keeps the store from being read."""

from collections.abc import Mapping

from embstore.errors import StoreError
from embstore.store.connection import Database
from embstore.store.stored_numbers import StoredNumbers, StoredRun, numbers_of_run, runs_of_sample
from embstore.store.writing import all_repeats, repeats
from embstore.types import Configuration


class StoredWork:
    """How often each piece of work is stored.

    A series goes on while its store cannot be read: what it measures is kept in files. For
    that while it counts what was stored when measuring began.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Mapping[str, int] | None = None

    def prepare(self) -> None:
        """Find out whether runs can be stored, and what is: before the first is measured.

        Raises:
            StoreError: what stands in the way.
        """
        if self._known is None:
            self._database.make_ready()
            self._known = all_repeats(self._database)

    def repeats(self, work: str) -> int:
        """Return how many runs of a piece of work are stored.

        Raises:
            StoreError: the store cannot be read, and could not be before.
        """
        try:
            return repeats(self._database, work)
        except StoreError:
            if self._known is None:
                raise
            return self._known.get(work, 0)

    def of_sample(
        self, checkpoint_id: str, corpus_id: str, configuration: Configuration
    ) -> list[StoredRun]:
        """Return the runs of the same sample, the newest first; none while they cannot be read.

        Raises:
            StoreError: the store cannot be read, and could not be before.
        """
        try:
            return runs_of_sample(self._database, checkpoint_id, corpus_id, configuration)
        except StoreError:
            if self._known is None:
                raise
            return []

    def numbers(self, run_id: str) -> StoredNumbers:
        """Return the numbers of a stored run.

        Raises:
            StoreError: the store cannot be read, or the run is gone.
        """
        return numbers_of_run(self._database, run_id)
