"""A copy of a lake in a DuckDB file: for strangers' SQL, and of a lake of an older schema.

A connection to a lake reaches files and a server, and cannot be told not to; one to a file can.
"""

import logging
from pathlib import Path

from embstore.errors import StoreError
from embstore.store import migration
from embstore.store.lake.address import LakeAddress
from embstore.store.lake.attach import LAKE, lake_connection, run
from embstore.store.lake.opening import EMPTY, lake_revision
from embstore.store.locking import thread_lock
from embstore.store.quoting import quoted_name
from embstore.store.reading import no_migrated_copy, tell_migrated_copy
from embstore.store.session import writing
from embstore.store.table_names import FACTS, NUMBERS
from embstore.store.temporary import copy_of, make_copy

_LOG = logging.getLogger(__name__)

# Of its own: a database may be called a/b or lake, as the lake is called that is copied from.
_NAME = "copy.duckdb"

_TABLES = "SELECT table_name FROM duckdb_tables() WHERE database_name = $1"


def local_copy(address: LakeAddress, timeout: float) -> Path:
    """Return a file with all that a lake has, in the current schema; made anew once it changes.

    Raises:
        StoreError: the lake cannot be read, or there is no room for the copy.
    """
    with thread_lock(address):
        with lake_connection(address) as connection:
            found = lake_revision(address, connection) or EMPTY
            snapshot = run(address, connection, f"FROM {LAKE}.current_snapshot()")
        if copy := copy_of(address, snapshot):
            return copy
        _LOG.info("%s is copied to a temporary file", address)

        def fill(file: Path) -> object:
            with writing(file, timeout) as writer:
                if found == migration.HEAD:
                    migration.create(writer)
                else:
                    migration.upgrade(writer, found)
            _copy_tables(address, file, timeout)
            with writing(file, timeout) as writer:
                migration.upgrade(writer)
            return snapshot

        try:
            copy = make_copy(address, _NAME, fill)
        except Exception as error:
            if found != migration.HEAD:
                raise no_migrated_copy(address, found, error) from error
            if isinstance(error, OSError):
                raise StoreError(
                    f"{address} could not be copied to a temporary file ({error.strerror}): make "
                    "room there, or set TMPDIR"
                ) from error
            raise
        if found != migration.HEAD:
            tell_migrated_copy(address, found)
        return copy


def _copy_tables(address: LakeAddress, file: Path, timeout: float) -> None:
    with writing(file, timeout, beside={"lake": address}) as writer:
        there = set(writer.exec_driver_sql(_TABLES, ("lake",)).scalars())
        for table in (*FACTS, *NUMBERS):
            # What a later schema has added may be missing.
            if table in there:
                name = quoted_name(table)
                writer.exec_driver_sql(f"INSERT INTO {name} BY NAME FROM lake.main.{name}")
