"""The store: opened once, then asked and written to.

Connections live for one query, a few that belong together, or one transaction, so that
the file is locked no longer than that and many processes can share it.
"""

import contextlib
import functools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from embstore.errors import QueryError, StoreError
from embstore.store import migration
from embstore.store.assembling import Tags, of_tagged_runs
from embstore.store.at_address import check_address, is_address, manifest_at, opener
from embstore.store.export_files import is_export, read_manifest
from embstore.store.failures import duckdb_message, reading_error
from embstore.store.in_place import of_export
from embstore.store.locking import lock_timeout
from embstore.store.opening import create_store, newer_store, prepare_store
from embstore.store.session import Connect, fetch, holding, reading, writing
from embstore.store.statement import check_parameters, check_untrusted

if TYPE_CHECKING:
    from sqlalchemy import Connection

DEFAULT_STORE = "embstore.duckdb"
# Writing waits this many times longer than a question: an hour's work may be at stake.
_PATIENCE = 30


class Database:
    """A store in one DuckDB file; ``open_database`` makes it.

    Threads may share it: they take turns. Another DuckDB connection to the file in
    the same process must be closed first, for DuckDB refuses two with different
    settings.

    Attributes:
        path: the file or folder, absolute; of an address only its last part.
        place: where it is, as people name it: the path, or an address.
        timeout: seconds to wait while another process holds the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        timeout: float,
        connect: Connect | None = None,
        address: str | None = None,
    ) -> None:
        """Take a file that is a store; ``connect`` opens what is read, if not the whole file."""
        self.path = path
        self.place = address or str(path)
        self.timeout = timeout
        self._connect = connect

    def __repr__(self) -> str:
        return f"Database({self.place!r})"

    def select(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Run one of embstore's own queries, with ``$named`` parameters.

        Raises:
            UsageError: a parameter is missing or unknown.
            QueryError: DuckDB refuses the statement.
            StoreError: the store cannot be opened or read.
        """
        with reading(self.path, self.timeout, self._connect) as connection:
            check_parameters(connection, sql, params or {})
            return self._fetch(connection, sql, params or {})

    def select_prepared(self, sql: str) -> pa.Table:
        """Run one of embstore's own questions, as ``PREPARE`` and ``EXECUTE``.

        Raises:
            QueryError: DuckDB refuses the statements.
            StoreError: the store cannot be opened or read.
        """
        with reading(self.path, self.timeout, self._connect) as connection:
            return self._fetch(connection, sql, {})

    def select_untrusted(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Run a user's ad-hoc SQL: one SELECT that sees the store and nothing else.

        Raises:
            UsageError: a parameter is missing or unknown.
            QueryError: the statement is refused, before it runs, or fails.
            StoreError: the store cannot be opened or read.
        """
        with reading(self.path, self.timeout, self._connect) as connection:
            check_untrusted(connection, sql)
            check_parameters(connection, sql, params or {})
            return self._fetch(connection, sql, params or {})

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Answer several questions from one moment of the store, and sooner.

        The file is opened once for all of them, and is not written to until the last. Keep
        slow work that is no question out of it: a writer waits as long.

        Raises:
            StoreError: the store cannot be opened.
        """
        with holding(self.path, self.timeout, self._connect):
            yield

    @contextlib.contextmanager
    def begin(self, *, beside: Mapping[str, Path] | None = None) -> "Iterator[Connection]":
        """Hold the file for one writing transaction: all of it is stored, or nothing.

        Args:
            beside: further stores that the statements may read, by the names they use for them.

        Raises:
            StoreLockedError: another process holds the file.
            StoreVersionError: a newer embstore has migrated the store meanwhile.
            StoreError: the disk is full or fails.
        """
        patience = _PATIENCE * self.timeout
        self.check_whole()
        if not self.path.exists():
            # Removed since it was opened, perhaps an hour ago. A new store keeps the work.
            create_store(self.path, patience)
        with writing(self.path, patience, beside=beside) as connection:
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
            if found != migration.HEAD:
                raise newer_store(self.path, str(found))
            yield connection

    def check_whole(self) -> None:
        """Refuse to change, or to export, what is only read or only a part.

        Raises:
            StoreError: it is an export, or was opened with tags.
        """
        if is_address(self.place) or is_export(self.path):
            raise only_read(self.place)
        if self._connect is not None:
            raise StoreError(f"{self.path} was opened with tags, to be asked: open it without them")

    def size(self) -> int:
        """Return how many bytes its files have."""
        if is_address(self.place) or is_export(self.path):
            there = manifest_at(self.place) if is_address(self.place) else read_manifest(self.path)
            return sum(file.size for file in there.files().values())
        # What is in the log beside the file is data too.
        files = [self.path, self.path.with_name(f"{self.path.name}.wal")]
        return sum(file.stat().st_size for file in files if file.exists())

    def _fetch(
        self, connection: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, object]
    ) -> pa.Table:
        try:
            return fetch(connection, sql, params)
        except (duckdb.IOException, duckdb.FatalException) as error:
            raise reading_error(self.place, error) from error
        except (duckdb.Error, pa.ArrowInvalid) as error:
            raise QueryError(duckdb_message(error)) from error


def only_read(place: str) -> StoreError:
    """Say that an export cannot be written to."""
    folder = "DIR, once its folder is fetched" if is_address(place) else place
    return StoreError(
        f"{place} is an export, which is only read: take it into a store with "
        f"`embstore import {folder}`"
    )


def open_database(
    url: str | Path | None = None,
    *,
    create: bool = True,
    lazy: bool = False,
    timeout: float | None = None,
    tags: Tags = (),
) -> Database:
    """Open the store at a path, creating or migrating it as needed.

    Args:
        url: a DuckDB file; to ask it, also the folder or the address of an export. None for
            ``EMBSTORE_STORE`` or ``embstore.duckdb``.
        create: make a missing store; a question passes False.
        lazy: leave making a missing store to the first write, so that work which
            fails before it leaves no empty store behind.
        timeout: seconds to wait while another process holds the file; None for
            ``EMBSTORE_LOCK_TIMEOUT`` or 10.
        tags: ask only the runs that have them: of every key one of the values.

    Raises:
        StoreError: naming the path, what was found there and what to do.
        StoreLockedError: another process holds it; names that process.
        StoreVersionError: a newer embstore or DuckDB wrote it; it is left alone.
    """
    chosen = url if url is not None else os.environ.get("EMBSTORE_STORE") or DEFAULT_STORE
    if not str(chosen):
        raise StoreError(f"the store's path is empty: name a file such as {DEFAULT_STORE}")
    seconds = lock_timeout(timeout)
    if isinstance(chosen, str) and is_address(chosen):
        address = check_address(chosen)
        if create:
            raise only_read(address)
        name = Path(address.rpartition("/")[2])
        connect = opener(address, tuple(tags))
        return Database(name, timeout=seconds, connect=connect, address=address)
    # A scheme has two letters or more, unlike a Windows drive; ":memory:" has none.
    if isinstance(chosen, str) and re.match(r"([A-Za-z][\w+.-]+)?:", chosen):
        raise StoreError(
            f"{chosen} is not supported yet: this version keeps a store in a DuckDB file, so "
            f"name a path such as {DEFAULT_STORE}"
        )
    path = Path(chosen).expanduser().resolve()
    if is_export(path):
        if create:
            raise only_read(str(path))
        return Database(
            path, timeout=seconds, connect=functools.partial(of_export, path, tuple(tags))
        )
    prepare_store(path, seconds, create=create, lazy=lazy)
    part = functools.partial(of_tagged_runs, path, tuple(tags)) if tags else None
    return Database(path, timeout=seconds, connect=part)
