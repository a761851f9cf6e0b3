"""Knows which stored runs have layers without numbers, for all checkpoints of a series at once."""

from collections.abc import Mapping
from dataclasses import dataclass

from embstore.ingestion.recently import Recently
from embstore.store.database import Database
from embstore.store.empty_layers import EmptyLayers, empty_layers


@dataclass(frozen=True)
class _Looked:
    """The runs that were looked at, and those of them with empty layers."""

    runs: frozenset[str]
    empty: Mapping[str, EmptyLayers]


class Emptiness:
    """What is to be told of runs that are stored already."""

    def __init__(self, database: Database, *, alone: bool) -> None:
        """Take a store; with ``alone`` one run of it is asked for, and the others not read."""
        self._database = database
        self._alone = alone
        self._looked = Recently(self._look)

    def of(self, run_id: str) -> EmptyLayers | None:
        """Return which layers of a run have no numbers; None if all have some.

        Raises:
            StoreError: the store cannot be read.
        """
        if not self._alone and run_id in (looked := self._looked.get()).runs:
            return looked.empty.get(run_id)
        return next(iter(empty_layers(self._database, [run_id])), None)

    def _look(self) -> _Looked:
        with self._database.held():
            runs = self._database.select("SELECT run_id FROM run")["run_id"].to_pylist()
            empty = {found.run_id: found for found in empty_layers(self._database)}
        return _Looked(frozenset(runs), empty)
