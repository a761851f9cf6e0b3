"""Knows which work is stored, also while somebody keeps the store from being read."""

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from embstore.errors import StoreError
from embstore.ingestion.recently import Recently
from embstore.store.database import Database
from embstore.store.stored_checkpoints import configs_of_checkpoints
from embstore.store.stored_numbers import (
    Sample,
    SampleRun,
    StoredNumbers,
    numbers_of_run,
    runs_by_sample,
)
from embstore.store.writing import next_repeats

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Runs:
    """The runs of a store.

    Attributes:
        next_repeats: as which the next of each piece of work is stored.
        by_sample: those of each sample.
        configs: the model configuration of each checkpoint's newest one.
    """

    next_repeats: Mapping[str, int]
    by_sample: Mapping[Sample, list[SampleRun]]
    configs: Mapping[str, str]


class StoredWork:
    """What work is stored, and which number a repeat of it gets.

    A series goes on while its store cannot be read: what it measures is kept in files. For
    that while it knows what was stored before.
    """

    def __init__(self, database: Database, *, even_unread: bool = False) -> None:
        """Take the store; it is not asked yet.

        Args:
            database: the store.
            even_unread: count nothing as stored as long as it could not be read at all.
        """
        self._database = database
        self._even_unread = even_unread
        self._runs = Recently(self._read)
        self._is_ready = False

    def prepare(self) -> None:
        """Find out whether runs can be stored: before the first is measured.

        Raises:
            StoreError: what stands in the way.
        """
        if not self._is_ready:
            self._database.make_ready()
            self._is_ready = True

    def next_repeat(self, work: str) -> int:
        """Return the number that the next run of a piece of work gets, 0 for the first.

        Raises:
            StoreError: the store cannot be read, and could not be before.
        """
        return self._known().next_repeats.get(work, 0)

    def of_sample(self, sample: Sample) -> list[SampleRun]:
        """Return the runs of a sample, the newest first.

        Raises:
            StoreError: the store cannot be read, and could not be before.
        """
        return self._known().by_sample.get(sample, [])

    def config_of(self, checkpoint_id: str) -> str | None:
        """Return the model configuration that a checkpoint was measured with last, if known.

        Raises:
            StoreError: the store cannot be read, and could not be before.
        """
        return self._known().configs.get(checkpoint_id)

    def look_again(self) -> None:
        """Ask the store next time, because a run was stored."""
        self._runs.grow_old()

    def numbers(self, run_id: str) -> StoredNumbers | None:
        """Return the numbers of a stored run; None while they cannot be read."""
        try:
            return numbers_of_run(self._database, run_id)
        except StoreError as error:
            _LOG.warning("the numbers of run %s cannot be read: %s", run_id[:8], error)
            return None

    def _known(self) -> _Runs:
        try:
            return self._runs.get()
        except StoreError:
            if not self._even_unread:
                raise
            return _Runs({}, {}, {})

    def _read(self) -> _Runs:
        with contextlib.ExitStack() as opened:
            if self._database.exists():
                opened.enter_context(self._database.held())
            return _Runs(
                next_repeats(self._database),
                runs_by_sample(self._database),
                configs_of_checkpoints(self._database),
            )
