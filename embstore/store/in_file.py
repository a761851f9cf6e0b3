"""A store in one DuckDB file.

Connections live for one query, a few that belong together, or one transaction, so that
the file is locked no longer than that and many processes can share it.
"""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from embstore.errors import EmbstoreError, StoreError
from embstore.store import migration
from embstore.store.assembling import Tags, of_tagged_runs
from embstore.store.copies import files_of, signature
from embstore.store.failures import newer_store, opened_with_tags, reading_error
from embstore.store.guard import is_checked, remember
from embstore.store.opening import create_store, store_revision
from embstore.store.places import Place
from embstore.store.probing import check_writable
from embstore.store.reading import asking, current_file, examining
from embstore.store.session import Connect, reading_file, writing
from embstore.store.spool_folders import beside, in_cache
from embstore.store.upgrading import upgrade_store

if TYPE_CHECKING:
    from sqlalchemy import Connection


class InFile:
    """The home of a store in a DuckDB file."""

    def __init__(self, path: Path, *, timeout: float, tags: Tags = ()) -> None:
        """Take a file that is a store, or will be; with ``tags`` only some runs are asked."""
        self.path = path
        self.place = str(path)
        self.title = path.stem
        self.key: Place = path
        self.tagged = self.assembled = bool(tags)
        self.only_read = False
        self.connect: Connect | None = None
        if tags:
            self.connect = functools.partial(_tagged, path, timeout, tuple(tags))

    def confined(
        self, timeout: float, memory: str | None
    ) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open it, or its part; a connection to a file reaches nothing else."""
        return asking(self.path, timeout, self.connect, memory=memory)

    def examining(
        self, timeout: float
    ) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open it as it is."""
        return examining(self.path, timeout)

    def exists(self, timeout: float) -> bool:
        """Say whether there is a file."""
        del timeout
        return self.path.exists()

    def stamp(self) -> object:
        """Return what the file system says of the file and its logs."""
        return signature(self.path)

    def schema(self, timeout: float) -> str:
        """Return the name of its last migration."""
        return store_revision(self.path, timeout) or "none"

    def size(self, timeout: float) -> int:
        """Return how many bytes the file and its logs have."""
        del timeout
        return sum(file.stat().st_size for file in files_of(self.path))

    def free_bytes(self, timeout: float) -> int:
        """Return how much less than its size the file needs, counted from what it was at most."""
        with reading_file(self.path, timeout) as connection:
            row = connection.execute(
                "SELECT free_blocks * block_size FROM pragma_database_size()"
            ).fetchone()
        return int(row[0]) - self.path.stat().st_size if row else 0

    def source(self, timeout: float) -> Path:
        """Return the file, or of an older store its migrated copy."""
        return current_file(self.path, timeout)

    def damaged_files(self) -> dict[str, str]:
        """Return nothing, for a file has no checksum."""
        return {}

    def check_files(self) -> None:
        """Do nothing: there is only one file."""

    def not_read(self, error: duckdb.Error) -> EmbstoreError:
        """Say that the file could not be read."""
        return reading_error(self.place, error)

    def lost(self, error: BaseException) -> StoreError | None:
        """Return None: there is no server to lose."""
        del error
        return None

    def spools(self) -> tuple[Path, ...]:
        """Return a folder beside the file, and one in the cache."""
        return (beside(self.path), in_cache(self.path.name, self.path))

    def check_whole(self) -> None:
        """Refuse to change a part."""
        if self.tagged:
            raise opened_with_tags(self.place)

    def check_writable(self, timeout: float) -> None:
        """Refuse a file that could not be written to now."""
        check_writable(self.path, timeout)

    def migrate(self, timeout: float) -> bool:
        """Migrate it after a backup; return whether it was older."""
        return upgrade_store(self.path, timeout)

    @contextlib.contextmanager
    def begin(self, timeout: float, beside: Mapping[str, Place]) -> "Iterator[Connection]":
        """Hold the file for one writing transaction."""
        with self._current(timeout, beside) as connection:
            known = is_checked(self.path)
            yield connection
        if known:
            remember(self.path)

    def may_pass(self, error: StoreError) -> bool:
        """Say no: a locked file was waited for already."""
        del error
        return False

    @contextlib.contextmanager
    def _current(self, timeout: float, beside: Mapping[str, Place]) -> "Iterator[Connection]":
        """Open the file for writing; make it if it is missing, migrate it if it is older."""
        if not self.path.exists():
            # Removed since it was opened, perhaps an hour ago. A new store keeps the work.
            create_store(self.path, timeout)
        with writing(self.path, timeout, beside=beside) as connection:
            found = migration.current(connection)
            if found == migration.HEAD:
                yield connection
                return
        upgrade_store(self.path, timeout)
        with writing(self.path, timeout, beside=beside) as connection:
            found = migration.current(connection)
            if found != migration.HEAD:
                raise newer_store(self.place, str(found))
            yield connection


def _tagged(path: Path, timeout: float, tags: Tags) -> duckdb.DuckDBPyConnection:
    return of_tagged_runs(current_file(path, timeout), tags)
