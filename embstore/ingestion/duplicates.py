"""Knows which checkpoints have the weights of another one of their model, or some of its files."""

import contextlib
from dataclasses import dataclass, replace

from embstore.checkpoints.located import Located
from embstore.errors import StoreError
from embstore.ingestion.recently import Recently
from embstore.store.database import Database
from embstore.store.stored_checkpoints import StoredCheckpoints, stored_checkpoints


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
        self._stored = Recently(lambda: stored_checkpoints(database))
        self._first: dict[tuple[str, str], str] = {}
        # Who has a file, by its model and fingerprint; each with its place in the series.
        self._holders: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self._n_noted = 0

    def original(self, located: Located) -> str | None:
        """Return the revision that had a checkpoint's weights first; None if it is this one.

        Of those met so far where the store cannot be asked.
        """
        revision, weights = located.checkpoint.revision, self._weights(located)
        first = self._first.get((located.name, weights))
        if first is None:
            checkpoint = replace(located.checkpoint, weights_sha256=weights)
            first = self._as_stored().original(located.name, checkpoint)
        return None if first in (None, revision) else first

    def shared(self, located: Located) -> SharedFiles | None:
        """Return which of several files with weights an earlier checkpoint of the model has too.

        Of those met so far; the one that shares most.
        """
        mine = located.file_sha256
        if len(mine) < 2:
            return None
        names: dict[tuple[int, str], list[str]] = {}
        for file, digest in mine.items():
            for holder in self._holders.get((located.name, digest), ()):
                names.setdefault(holder, []).append(file)
        most = min(names, key=lambda holder: (-len(names[holder]), holder), default=None)
        if most is None or len(names[most]) == len(mine):
            return None
        return SharedFiles(most[1], tuple(names[most]), len(mine))

    def note(self, located: Located) -> None:
        """Remember a checkpoint that is there."""
        revision = located.checkpoint.revision
        self._first.setdefault((located.name, self._weights(located)), revision)
        self._n_noted += 1
        for digest in set(located.file_sha256.values()):
            holders = self._holders.setdefault((located.name, digest), [])
            holders.append((self._n_noted, revision))

    def _weights(self, located: Located) -> str:
        """Return the fingerprint of the weights; of a run that is stored, the stored one."""
        checkpoint = located.checkpoint
        if checkpoint.files_sha256 is not None:
            return checkpoint.weights_sha256
        stored = self._as_stored().fingerprint(located.name, checkpoint)
        return stored or checkpoint.weights_sha256

    def _as_stored(self) -> StoredCheckpoints:
        with contextlib.suppress(StoreError):
            return self._stored.get()
        return StoredCheckpoints({}, {})
