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

from embstore.choices import DEFAULT_STORE
from embstore.common.paths import expanded
from embstore.errors import StoreError, StoreLockedError, UsageError
from embstore.store import migration
from embstore.store.assembling import Tags, of_tagged_runs
from embstore.store.copies import files_of
from embstore.store.exports.at_address import (
    check_address,
    damaged_at,
    is_address,
    manifest_at,
    not_fetched,
    opener,
)
from embstore.store.exports.damage import check_read, damaged_files
from embstore.store.exports.export_files import Manifest, is_export, read_manifest
from embstore.store.exports.in_place import of_export
from embstore.store.failures import (
    changed_by_hand,
    inner_error,
    newer_store,
    query_error,
    reading_error,
)
from embstore.store.guard import is_checked, remember
from embstore.store.limits import NO_LIMITS, Limits
from embstore.store.locking import lock_timeout
from embstore.store.opening import create_store, prepare_store, store_revision
from embstore.store.probing import check_writable
from embstore.store.reading import asking, current_file, examining, holding
from embstore.store.session import Connect, fetch, for_duckdb, writing
from embstore.store.statement import check_parameters, check_untrusted, readable_plan
from embstore.store.tampering import missing_parts
from embstore.store.upgrading import upgrade_store

if TYPE_CHECKING:
    from sqlalchemy import Connection

# What was measured waits this many times longer than a question: it may be an hour's work.
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
        waited_in_vain: a write has waited long for the file, and did not get it.
    """

    def __init__(
        self,
        path: Path,
        *,
        timeout: float,
        connect: Connect | None = None,
        address: str | None = None,
        tagged: bool = False,
    ) -> None:
        """Take a file that is a store.

        ``connect`` opens what is read, if not the whole file: with ``tagged`` a part of what it
        reaches.
        """
        self.path = path
        self.place = address or str(path)
        self.timeout = timeout
        self._connect = connect
        self._tagged = tagged
        self.waited_in_vain = False

    @property
    def where(self) -> str:
        """Where a name is looked for, to say that it is not there."""
        return "in the part of this store with these tags" if self._tagged else "in this store"

    def __repr__(self) -> str:
        return f"Database({self.place!r})"

    def select(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Run one of embstore's own queries, with ``$named`` parameters.

        Raises:
            UsageError: a parameter is missing or unknown.
            QueryError: DuckDB refuses the statement.
            StoreError: the store cannot be opened or read.
        """
        with asking(self.path, self.timeout, self._connect) as connection:
            check_parameters(connection, sql, params or {})
            return self._fetch(connection, sql, params or {})

    def select_prepared(self, sql: str) -> pa.Table:
        """Run one of embstore's own questions, as ``PREPARE`` and ``EXECUTE``.

        Raises:
            QueryError: DuckDB refuses the statements.
            StoreError: the store cannot be opened or read.
        """
        with asking(self.path, self.timeout, self._connect) as connection:
            return self._fetch(connection, sql, {})

    def select_untrusted(
        self,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        limits: Limits = NO_LIMITS,
    ) -> pa.Table:
        """Run a user's ad-hoc SQL: one statement that sees the store and nothing else.

        Columns of a type that Arrow does not have come as text.

        Raises:
            UsageError: a parameter is missing or unknown.
            QueryError: the statement is refused, before it runs, fails, or takes more than
                it may.
            StoreError: the store cannot be opened or read.
        """
        if limits.memory and self._connect:
            raise UsageError("memory can be limited for a whole store, not for an export or tags")
        memory = limits.memory
        with asking(self.path, self.timeout, self._connect, memory=memory) as connection:
            checked = check_untrusted(connection, sql, of_a_part=self._tagged)
            check_parameters(connection, checked, params or {})
            table = self._fetch(connection, checked, params or {}, exact=True, limits=limits)
        return readable_plan(table)

    def look(self, sql: str) -> list[Mapping[str, object]]:
        """Read tables of the file as it is, also of an older schema: before it is changed.

        Raises:
            StoreError: the store cannot be opened or read.
        """
        with examining(self.path, self.timeout) as connection:
            return list(self._fetch(connection, sql, {}).to_pylist())

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
    def begin(
        self, *, patient: bool = False, beside: Mapping[str, Path] | None = None
    ) -> "Iterator[Connection]":
        """Hold the file for one writing transaction: all of it is stored, or nothing.

        Args:
            patient: wait longer for a locked file than a question would, for what was measured;
                unless that was in vain before: then somebody keeps it.
            beside: further stores that the statements may read, by the names they use for them.

        Raises:
            StoreLockedError: another process holds the file.
            StoreVersionError: a newer embstore has migrated the store meanwhile.
            StoreError: the disk is full or fails, or the store is older and cannot be migrated.
        """
        self.check_whole()
        long = patient and not self.waited_in_vain
        try:
            patience = self.timeout * (_PATIENCE if long else 1)
            with self._current(patience, beside) as connection:
                self.waited_in_vain = False
                known = is_checked(self.path)
                yield connection
            if known:
                remember(self.path)
        except StoreLockedError:
            self.waited_in_vain = self.waited_in_vain or long
            raise

    def schema(self) -> str:
        """Return which schema the file has, the name of its last migration.

        Raises:
            StoreError: the file cannot be read, or is no store.
        """
        if there := self._manifest():
            return there.schema
        return store_revision(self.path, self.timeout) or "none"

    def migrate(self) -> bool:
        """Bring an older store to the current schema after a backup; return whether it was older.

        Raises:
            StoreError: it cannot be migrated, and is as it was; or is an export.
        """
        self.check_whole()
        return upgrade_store(self.path, self.timeout)

    def check_writable(self) -> None:
        """Find out whether a run could be stored now; nothing is changed.

        Raises:
            StoreError: what stands in the way.
        """
        check_writable(self.path, self.timeout)

    def make_ready(self) -> None:
        """Find out whether runs can be stored, and migrate an older store, before long work.

        Raises:
            StoreError: what stands in the way.
        """
        self.check_writable()
        if self.path.exists():
            self.migrate()

    @contextlib.contextmanager
    def _current(
        self, patience: float, beside: Mapping[str, Path] | None
    ) -> "Iterator[Connection]":
        """Open the file for writing; make it if it is missing, migrate it if it is older."""
        if not self.path.exists():
            # Removed since it was opened, perhaps an hour ago. A new store keeps the work.
            create_store(self.path, patience)
        with writing(self.path, patience, beside=beside) as connection:
            found = migration.current(connection)
            if found == migration.HEAD:
                yield connection
                return
        upgrade_store(self.path, patience)
        with writing(self.path, patience, beside=beside) as connection:
            found = migration.current(connection)
            if found != migration.HEAD:
                raise newer_store(self.path, str(found))
            yield connection

    @property
    def is_only_read(self) -> bool:
        """Whether it is an export, in a folder or at an address."""
        return is_address(self.place) or is_export(self.path)

    @property
    def is_assembled(self) -> bool:
        """Whether what is asked is put together in memory: of an export, or of some runs."""
        return self._connect is not None

    def damaged_files(self) -> dict[str, str]:
        """Return which files of an export are missing or differ from their checksum, with why.

        A store's own file has no checksum.

        Raises:
            StoreError: the manifest cannot be read.
        """
        if is_address(self.place):
            return damaged_at(self.place)
        return damaged_files(self.path, read_manifest(self.path)) if self.is_only_read else {}

    def check_whole(self) -> None:
        """Refuse to change, or to export, what is only read or only a part.

        Raises:
            StoreError: it is an export, or was opened with tags.
        """
        if self.is_only_read:
            raise only_read(self.place)
        if self._connect is not None:
            raise StoreError(f"{self.path} was opened with tags, to be asked: open it without them")

    def size(self) -> int:
        """Return how many bytes its files have."""
        if there := self._manifest():
            return sum(file.size for file in there.files().values())
        return sum(file.stat().st_size for file in files_of(self.path))

    def _check_export(self) -> None:
        """Name the damaged files of an export in a folder; at an address they are too far."""
        if is_export(self.path):
            check_read(self.path, read_manifest(self.path))

    def _manifest(self) -> Manifest | None:
        """Return the manifest of an export; None of a store's file."""
        if is_address(self.place):
            return manifest_at(self.place)
        return read_manifest(self.path) if is_export(self.path) else None

    def _fetch(
        self,
        connection: duckdb.DuckDBPyConnection,
        sql: str,
        params: Mapping[str, object],
        *,
        exact: bool = False,
        limits: Limits = NO_LIMITS,
    ) -> pa.Table:
        try:
            return fetch(connection, sql, params, exact=exact, limits=limits)
        except duckdb.InternalException as error:
            self._check_export()
            raise inner_error(error) from error
        except (duckdb.IOException, duckdb.FatalException) as error:
            self._check_export()
            if is_address(self.place):
                raise not_fetched(self.place, error) from error
            raise reading_error(self.place, error) from error
        except duckdb.InvalidInputException as error:
            # Also what DuckDB says of a Parquet file that is damaged.
            self._check_export()
            raise query_error(error) from error
        except (duckdb.Error, pa.ArrowInvalid) as error:
            whole = self._connect is None
            if whole and (missing := missing_parts(connection, self.path)):
                raise changed_by_hand(self.place, missing) from error
            raise query_error(error) from error


def only_read(place: str) -> StoreError:
    """Say that an export cannot be written to."""
    what = f"{place} is an export, which is only read"
    if is_address(place):
        return StoreError(
            f"{what}: fetch its folder, then take that into a store with `embstore import DIR`"
        )
    return StoreError(f"{what}: take it into a store with `embstore import {place}`")


def open_database(
    url: str | Path | None = None,
    *,
    create: bool = True,
    lazy: bool = False,
    timeout: float | None = None,
    tags: Tags = (),
) -> Database:
    """Open the store at a path, creating or migrating it as needed for writing.

    Args:
        url: a DuckDB file; to ask it, also the folder or the address of an export. None for
            ``EMBSTORE_STORE`` or ``embstore.duckdb``.
        create: make a missing store, migrate an older one; a question passes False, and gets
            the answers of an older one from a migrated copy.
        lazy: leave making and migrating a store to the first write, so that work which
            fails before it leaves everything as it was.
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
    path = Path(os.path.realpath(expanded(chosen)))
    if isinstance(chosen, str) and is_address(chosen):
        address = check_address(chosen)
        if create:
            raise only_read(address)
        name = Path(address.rpartition("/")[2])
        connect = opener(address, tuple(tags))
        return Database(name, timeout=seconds, connect=connect, address=address, tagged=bool(tags))
    for_duckdb(path)
    # A file may have a colon in its name all the same.
    if isinstance(chosen, str) and _is_no_file(chosen) and not os.path.lexists(path):
        raise StoreError(
            f"{chosen} is not supported yet: this version keeps a store in a DuckDB file, so "
            f"name a path such as {DEFAULT_STORE}"
        )
    if is_export(path):
        if create:
            raise only_read(str(path))
        connect = functools.partial(of_export, path, tuple(tags))
        return Database(path, timeout=seconds, connect=connect, tagged=bool(tags))
    prepare_store(path, seconds, create=create, lazy=lazy)
    part = functools.partial(_tagged, path, seconds, tuple(tags)) if tags else None
    return Database(path, timeout=seconds, connect=part, tagged=bool(tags))


def _tagged(path: Path, timeout: float, tags: Tags) -> duckdb.DuckDBPyConnection:
    return of_tagged_runs(current_file(path, timeout), tags)


def _is_no_file(text: str) -> bool:
    """Tell whether a store is named by what is no file: a scheme, or ``:memory:``."""
    # A scheme has two letters or more, unlike a Windows drive.
    scheme = re.match(r"([A-Za-z][\w+.-]+)?:", text) is not None
    return scheme and ("://" in text or not text.endswith(".duckdb"))
