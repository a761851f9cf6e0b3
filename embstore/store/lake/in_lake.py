"""A store in a lake, which many write to at once."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from embstore.errors import EmbstoreError, StoreError, StoreUnreachableError
from embstore.store import migration
from embstore.store.assembling import Tags, assemble_tagged, of_tagged_runs
from embstore.store.failures import newer_store, opened_with_tags
from embstore.store.lake.address import LakeAddress
from embstore.store.lake.attach import LAKE, lake_connection, run
from embstore.store.lake.failures import NoLakeError, is_passing, lake_error
from embstore.store.lake.local_copy import local_copy
from embstore.store.lake.opening import (
    EMPTY,
    bring_up_to_date,
    check_lake_writable,
    create_lake,
    lake_revision,
    migrate_lake,
    tell_migrated,
)
from embstore.store.lake.writing import writing_lake
from embstore.store.locking import thread_lock
from embstore.store.places import Place
from embstore.store.reading import asking
from embstore.store.session import Connect, connect_to_read, reading
from embstore.store.spool_folders import in_cache

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SIZE = """
SELECT coalesce(sum(file_size_bytes) + sum(delete_file_size_bytes), 0)::BIGINT
FROM ducklake_table_info(current_database())
"""


class InLake:
    """The home of a store whose catalog is in PostgreSQL, and whose numbers are in Parquet files.

    Writers take turns by a lock of the server, which ends with their connection; readers see
    the last state that was committed.
    """

    def __init__(self, address: LakeAddress, *, timeout: float, tags: Tags = ()) -> None:
        """Take where a lake is, or will be; with ``tags`` only some runs are asked."""
        self.address = address
        self.path = Path(address.name)
        self.place = str(address)
        self.title = address.name
        self.key: Place = address
        self.tagged = self.assembled = bool(tags)
        self.only_read = False
        self.connect: Connect | None = functools.partial(_open, address, timeout, tuple(tags))
        self._tags = tuple(tags)
        self._is_made = False

    @contextlib.contextmanager
    def confined(self, timeout: float, memory: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a copy of it in a file: a connection to the lake itself reaches more."""
        with contextlib.ExitStack() as stack:
            # Until it is open, no other thread makes the copy anew and deletes this one.
            with thread_lock(self.address):
                copy = local_copy(self.address, timeout)
                part = functools.partial(of_tagged_runs, copy, self._tags) if self._tags else None
                connection = stack.enter_context(asking(copy, timeout, part, memory=memory))
            yield connection

    def examining(
        self, timeout: float
    ) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open it as it is, also of an older schema."""
        return reading(self.key, timeout, functools.partial(lake_connection, self.address))

    def exists(self, timeout: float) -> bool:
        """Say whether the lake and the tables in it are made."""
        if not self._is_made:
            with contextlib.suppress(NoLakeError), self.examining(timeout) as connection:
                self._is_made = lake_revision(self.address, connection) is not None
        return self._is_made

    def stamp(self) -> None:
        """Return None: its server has to be asked."""

    def schema(self, timeout: float) -> str:
        """Return the name of its last migration."""
        with self.examining(timeout) as connection:
            return lake_revision(self.address, connection) or EMPTY

    def size(self, timeout: float) -> int:
        """Return how many bytes its Parquet files have; small inserts are in the catalog."""
        with self.examining(timeout) as connection:
            ((size,),) = run(self.address, connection, _SIZE)
        return int(size)

    def free_bytes(self, timeout: float) -> None:
        """Return None: files are removed when the lake is maintained."""
        del timeout

    def source(self, timeout: float) -> Place:
        """Return the lake, or of an older one its migrated copy."""
        if self.schema(timeout) != migration.HEAD:
            return local_copy(self.address, timeout)
        return self.address

    def damaged_files(self) -> dict[str, str]:
        """Return nothing, for a lake's files have no checksums."""
        return {}

    def check_files(self) -> None:
        """Do nothing: the message names the file."""

    def not_read(self, error: duckdb.Error) -> EmbstoreError:
        """Say that the server or a file could not be read."""
        return lake_error(self.address, "could not be read", error)

    def lost(self, error: BaseException) -> StoreError | None:
        """Say that the server was lost, if it was."""
        if not is_passing(error):
            return None
        return lake_error(self.address, "could not be read", error)

    def spools(self) -> tuple[Path, ...]:
        """Return a folder in the cache: nothing is beside a lake."""
        return (in_cache(self.address.name, self.place),)

    def check_whole(self) -> None:
        """Refuse to change a part."""
        if self.tagged:
            raise opened_with_tags(self.place)

    def check_writable(self, timeout: float) -> None:
        """Refuse a lake that could not be written to now."""
        del timeout
        check_lake_writable(self.address)

    def migrate(self, timeout: float) -> bool:
        """Migrate it; what it was before stays a snapshot. Return whether it was older."""
        return migrate_lake(self.address, timeout)

    @contextlib.contextmanager
    def begin(self, timeout: float, beside: Mapping[str, Place]) -> "Iterator[Connection]":
        """Hold the lake for one writing transaction; make it if it is missing."""
        if not self.exists(timeout):
            create_lake(self.address, timeout)
        with writing_lake(self.address, timeout, beside=beside) as connection:
            found = bring_up_to_date(self.address, connection)
            yield connection
        self._is_made = True
        tell_migrated(self.address, found)

    def may_pass(self, error: StoreError) -> bool:
        """Say whether the server was lost: it may be there again in a moment."""
        return isinstance(error, StoreUnreachableError)


@contextlib.contextmanager
def _open(address: LakeAddress, timeout: float, tags: Tags) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open what is asked: one moment of the lake, or of an older one of its migrated copy."""
    with lake_connection(address) as connection:
        older = _is_older(address, connection)
        if not older:
            if tags:
                _use_part(address, connection, tags)
            run(address, connection, "BEGIN")
            yield connection
    if older:
        copy = local_copy(address, timeout)
        with of_tagged_runs(copy, tags) if tags else connect_to_read(copy) as connection:
            yield connection


def _use_part(address: LakeAddress, connection: duckdb.DuckDBPyConnection, tags: Tags) -> None:
    """Put together what an open lake has of the runs with some tags, and use that."""
    connection.execute("USE memory")
    try:
        assemble_tagged(connection, tags, of=LAKE)
    except duckdb.Error as error:
        raise lake_error(address, "could not be read", error) from error


def _is_older(address: LakeAddress, connection: duckdb.DuckDBPyConnection) -> bool:
    found = lake_revision(address, connection)
    if found is not None and not (found == migration.HEAD or migration.is_known(found)):
        raise newer_store(str(address), found)
    return found not in {None, migration.HEAD}
