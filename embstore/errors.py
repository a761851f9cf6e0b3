"""Every error embstore raises for a user's mistake or a broken input.

The tree, with the exit code the command line gives each branch::

    EmbstoreError                1
    ├── ModelError               1   no such model, unreadable weights
    ├── CorpusError              1   missing, empty, too short, not text
    ├── MeasurementError         1   arrays that cannot be measured
    ├── ScoreError               1   scores that cannot be read
    ├── QueryError               1   unknown question, refused or failing SQL
    ├── IngestError              4   some checkpoints failed, the others are stored
    │   ├── NothingMeasuredError 1   all of them failed
    │   └── EmptyLayersError     4   all are stored, but layers have no numbers
    ├── UsageError               2   a value, parameter or name that cannot be used
    └── StoreError               3   the store cannot be used
        ├── StoreMissingError    3   there is none yet, or it has no tables
        ├── StoreLockedError     3   another process holds it
        ├── StoreUnreachableError 3  its server does not answer
        ├── KeptError            3   runs are measured, and kept in files, but not stored
        └── StoreVersionError    3   written by a newer embstore

A message is one line: the thing, what was found, what to do next.
"""

from collections.abc import Sequence
from typing import ClassVar


class EmbstoreError(Exception):
    """Base of every error a user can cause; ``exit_code`` is that of the command line."""

    exit_code: ClassVar[int] = 1


class ModelError(EmbstoreError):
    """A model or checkpoint cannot be found, read or run."""


class CorpusError(EmbstoreError):
    """A text source is missing, empty, too short or not text."""


class MeasurementError(EmbstoreError):
    """An array cannot be read or measured."""


class ScoreError(EmbstoreError):
    """A file or table of scores is missing, damaged, or says what no score can be."""


class QueryError(EmbstoreError):
    """A question does not exist, or its SQL is refused or fails."""


class IngestError(EmbstoreError):
    """Some checkpoints of an ingest failed; the others are stored.

    ``outcomes`` says what became of each.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, outcomes: Sequence[object]) -> None:
        super().__init__(message)
        self.outcomes = tuple(outcomes)


class NothingMeasuredError(IngestError):
    """Every checkpoint of an ingest failed."""

    exit_code: ClassVar[int] = 1


class EmptyLayersError(IngestError):
    """Every checkpoint is stored, but some layers have no numbers: the model overflowed."""


class UsageError(EmbstoreError):
    """The command or function was called wrongly."""

    exit_code: ClassVar[int] = 2


class StoreError(EmbstoreError):
    """The store cannot be opened, read or written."""

    exit_code: ClassVar[int] = 3


class StoreMissingError(StoreError):
    """There is no store yet, or nothing has made its tables."""


class StoreLockedError(StoreError):
    """Another process holds the store."""


class StoreUnreachableError(StoreError):
    """The server that a store needs does not answer, or not any more; later it may."""


class KeptError(StoreError):
    """Runs were measured and could not be stored: they are kept in files.

    ``outcomes`` says what became of each checkpoint, and in which file its run is.
    """

    def __init__(self, message: str, outcomes: Sequence[object]) -> None:
        super().__init__(message)
        self.outcomes = tuple(outcomes)


class StoreVersionError(StoreError):
    """The store was written by a newer embstore."""
