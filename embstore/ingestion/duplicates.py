"""Knows which checkpoints have the weights of another one of their model, or some of its files."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from embstore.checkpoints.located import Located
from embstore.errors import StoreError
from embstore.store.database import Database
from embstore.store.writing import same_weights, stored_weights


@dataclass(frozen=True)
class SharedFiles:
    """The files of weights that a checkpoint shares with another one, which has others too.

    Attributes:
        revision: of the other.
        names: of the files.
        n_files: how many the checkpoint has in all.
    """

    revision: str
    names: tuple[str, ...]
    n_files: int


class Copies:
    """The first checkpoint with certain weights, among those stored and those met so far."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._first: dict[tuple[str, str], str] = {}
        self._files: dict[tuple[str, str], Mapping[str, str]] = {}

    def original(self, located: Located) -> str | None:
        """Return the revision that had a checkpoint's weights first; None if it is this one.

        Of those met so far where the store cannot be asked.
        """
        revision, weights = located.checkpoint.revision, self._weights(located)
        first = self._first.get((located.name, weights))
        if first is None:
            checkpoint = replace(located.checkpoint, weights_sha256=weights)
            with contextlib.suppress(StoreError):
                first = same_weights(self._database, located.name, checkpoint)
        return None if first in (None, revision) else first

    def shared(self, located: Located) -> SharedFiles | None:
        """Return which of several files with weights an earlier checkpoint of the model has too.

        Of those met so far; the one that shares most.
        """
        mine = located.file_sha256
        found = []
        for (name, revision), other in self._files.items():
            if name == located.name and len(mine) > 1:
                theirs = set(other.values())
                names = tuple(file for file, digest in mine.items() if digest in theirs)
                found.append(SharedFiles(revision, names, len(mine)))
        most = max(found, key=lambda shared: len(shared.names), default=None)
        return most if most and 0 < len(most.names) < len(mine) else None

    def note(self, located: Located) -> None:
        """Remember a checkpoint that is there."""
        revision = located.checkpoint.revision
        self._first.setdefault((located.name, self._weights(located)), revision)
        self._files.setdefault((located.name, revision), located.file_sha256)

    def _weights(self, located: Located) -> str:
        """Return the fingerprint of the weights; of a run that is stored, the stored one."""
        checkpoint = located.checkpoint
        if checkpoint.files_sha256 is not None:
            return checkpoint.weights_sha256
        stored = None
        with contextlib.suppress(StoreError):
            stored = stored_weights(self._database, located.name, checkpoint)
        return stored or checkpoint.weights_sha256
