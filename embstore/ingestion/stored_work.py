"""Knows which work is stored, also while somebody keeps the store from being read."""

import logging
from collections.abc import Mapping

from embstore.errors import StoreError
from embstore.store.database import Database
from embstore.store.stored_numbers import (
    Sample,
    SampleRun,
    StoredNumbers,
    numbers_of_run,
    runs_by_sample,
)
from embstore.store.writing import all_repeats, repeats

_LOG = logging.getLogger(__name__)


class StoredWork:
    """How often each piece of work is stored.

    A series goes on while its store cannot be read: what it measures is kept in files. For
    that while it counts what was stored when measuring began.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Mapping[str, int] | None = None
        self._runs: Mapping[Sample, list[SampleRun]] = {}

    def prepare(self) -> None:
        """Find out whether runs can be stored, and what is: before the first is measured.

        Raises:
            StoreError: what stands in the way.
        """
        if self._known is None:
            self._database.make_ready()
            self._known = all_repeats(self._database)
            self._runs = runs_by_sample(self._database)

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

    def of_sample(self, sample: Sample) -> list[SampleRun]:
        """Return the runs of a sample, the newest first.

        Raises:
            StoreError: the store cannot be read, and could not be before.
        """
        try:
            found: Mapping[Sample, list[SampleRun]] = runs_by_sample(
                self._database, sample.checkpoint_id
            )
        except StoreError:
            if self._known is None:
                raise
            found = self._runs
        return found.get(sample, [])

    def numbers(self, run_id: str) -> StoredNumbers | None:
        """Return the numbers of a stored run; None while they cannot be read."""
        try:
            return numbers_of_run(self._database, run_id)
        except StoreError as error:
            _LOG.warning("the numbers of run %s cannot be read: %s", run_id[:8], error)
            return None
