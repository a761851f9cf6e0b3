"""Finds out whether a store can be written to, before an hour of measuring depends on it."""

import shutil
import tempfile
from pathlib import Path

import duckdb

from embstore.errors import StoreError
from embstore.store.locking import open_with_retry, thread_lock
from embstore.store.session import connect_to_write

# A run of a large model takes a few MB, and as many again in the log beside the file.
_LEAST_ROOM = 8_000_000


def check_writable(path: Path, timeout: float) -> None:
    """Open a store as a write would, and change nothing; see whether its folder takes files.

    Raises:
        StoreLockedError: another process, reading or writing, holds it for ``timeout`` seconds.
        StoreError: permissions, the file system or the free space stand in the way.
    """
    folder = path.parent
    try:
        # DuckDB writes a log beside the file. Permissions alone do not tell: the file system
        # may be read-only.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{path.name}.") as trial:
            trial.write(bytes(4096))
            trial.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written to, because its folder {folder} takes no new files "
            f"({(error.strerror or str(error)).lower()}): change that, or name another file as the "
            "store"
        ) from error
    if free < _LEAST_ROOM:
        raise StoreError(
            f"{path} cannot be written to, because its disk is full ({free / 1e6:.1f} MB are "
            "free): make room, or name another file as the store"
        )
    if path.exists():
        _open(path, timeout)


def _open(path: Path, timeout: float) -> None:
    def connect() -> duckdb.DuckDBPyConnection:
        return connect_to_write(path)

    with thread_lock(path), open_with_retry(path, timeout, connect) as connection:
        # Else closing would write what is in the log into the file.
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
