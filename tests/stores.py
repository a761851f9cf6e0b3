"""New stores for tests: creating one anew takes ten times as long as copying it."""

import functools
import tempfile
from collections.abc import Iterable
from pathlib import Path

from embstore.store.connection import Database, open_database
from embstore.store.guard import remember
from embstore.store.locking import DEFAULT_TIMEOUT
from embstore.store.writing import write_runs
from embstore.types import Run


def new_store(path: Path, runs: Iterable[Run] = ()) -> Database:
    """Make a store at a path that is free, with these runs in it.

    Together they take little longer than one alone.
    """
    path.write_bytes(_empty())
    # As if it had been made here, not copied: listing its macros takes longer than a question.
    remember(path)
    database = Database(path, timeout=DEFAULT_TIMEOUT)
    if stored := list(runs):
        write_runs(database, stored)
    return database


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return open_database(Path(folder) / "embstore.duckdb").path.read_bytes()
