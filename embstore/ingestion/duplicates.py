"""Knows which checkpoints have the weights of another one of their model."""

from embstore.checkpoints.located import Located
from embstore.store.connection import Database
from embstore.store.writing import same_weights


class Copies:
    """The first checkpoint with certain weights, among those stored and those met so far."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._first: dict[tuple[str, str], str] = {}

    def original(self, located: Located) -> str | None:
        """Return the revision that had a checkpoint's weights first; None if it is this one.

        Raises:
            StoreError: the store cannot be asked.
        """
        revision = located.checkpoint.revision
        first = self._first.get(_key(located)) or same_weights(
            self._database, located.name, located.checkpoint
        )
        return None if first in (None, revision) else first

    def note(self, located: Located) -> None:
        """Remember a checkpoint that is there."""
        self._first.setdefault(_key(located), located.checkpoint.revision)


def _key(located: Located) -> tuple[str, str]:
    return located.name, located.checkpoint.weights_sha256
