"""New stores for tests: creating one anew takes ten times as long as copying it."""

import atexit
import contextlib
import functools
import hashlib
import pickle
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import duckdb

from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.guard import remember
from embstore.store.in_file import InFile
from embstore.store.locking import DEFAULT_TIMEOUT
from embstore.store.writing import write_runs
from embstore.types import Run

# Of a DuckDB file; each has a checksum, so that a damage anywhere in it is a damage to all of it.
_BLOCK = 262_144


def new_store(path: Path, runs: Iterable[Run] = ()) -> Database:
    """Make a store at a path that is free, with these runs in it.

    Together they take little longer than one alone; the same runs again, a copy of the file.
    """
    stored = list(runs)
    made = _folder() / (hashlib.sha256(pickle.dumps(stored)).hexdigest() if stored else "empty")
    if not made.exists():
        if stored:
            write_runs(new_store(made.with_suffix(".filling")), stored)
            made.with_suffix(".filling").rename(made)
        else:
            open_database(made)
    shutil.copyfile(made, path)
    # As if it had been made here, not copied: listing its macros takes longer than a question.
    remember(path)
    return file_database(path)


def file_database(path: Path, *, timeout: float = DEFAULT_TIMEOUT) -> Database:
    """Take a file for a store, without looking at it."""
    return Database(InFile(path, timeout=timeout), timeout=timeout)


def spoil(path: Path) -> None:
    """Damage a store so that it opens, and some of its numbers cannot be read."""
    content = path.read_bytes()
    for start in range(len(content) - 200_000, 0, -_BLOCK):
        path.write_bytes(content[:start] + bytes(4096) + content[start + 4096 :])
        with contextlib.suppress(duckdb.Error), duckdb.connect(path, read_only=True) as connection:
            connection.execute("SELECT bit_xor(hash(r)) FROM run AS r").fetchall()
            try:
                connection.execute("SELECT bit_xor(hash(m)) FROM measurement AS m").fetchall()
            except duckdb.Error:
                return
    raise AssertionError("no place of the file is what numbers are read from")


@functools.cache
def _folder() -> Path:
    """A folder of this process, for stores to copy."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)
