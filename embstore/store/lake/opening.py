"""Finds out what is at the address of a lake, and makes the store there."""

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from embstore.errors import StoreError, StoreMissingError
from embstore.store import migration
from embstore.store.failures import newer_store
from embstore.store.guard import check_all
from embstore.store.lake.address import LakeAddress, is_remote
from embstore.store.lake.attach import has_objects, lake_connection, run
from embstore.store.lake.failures import NoLakeError, lake_error
from embstore.store.lake.server import may_write
from embstore.store.lake.writing import writing_lake

if TYPE_CHECKING:
    from sqlalchemy import Connection

_TABLES = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
_DATA_PATH = (
    "SELECT value FROM ducklake_options(current_database()) WHERE option_name = 'data_path'"
)

_LOG = logging.getLogger(__name__)

# The schema of a lake without tables.
EMPTY = "none"

# How a file is called that is made to see whether it can be made.
_TRIAL = ".embstore-"

# Whose views and macros were checked in this process.
_checked: set[LakeAddress] = set()


def prepare_lake(address: LakeAddress, timeout: float, *, create: bool, lazy: bool) -> None:
    """Make the store if it is missing, migrate it if it is older.

    With ``lazy`` neither is done yet; for a question never.

    Raises:
        StoreUnreachableError: the server does not answer.
        StoreError: what is there is not a store and cannot become one.
    """
    try:
        with lake_connection(address) as connection:
            files = _files_of(address, connection)
            try:
                found = lake_revision(address, connection)
            except StoreError as error:
                # What is maintained is in files, even its schema's name.
                if _is_here(files) or files not in str(error):
                    raise
                raise _not_here(address, files) from error
    except NoLakeError:
        if not create or not address.data_path:
            raise
        if not lazy:
            create_lake(address, timeout)
        return
    if found is None:
        if not create:
            raise StoreMissingError(f"{address} has no tables: fill it with `embstore ingest`")
        if not lazy:
            create_lake(address, timeout)
        return
    if found != migration.HEAD and not migration.is_known(found):
        raise newer_store(str(address), found)
    if create and not _is_here(files):
        raise _not_here(address, files)
    if create and not lazy and found != migration.HEAD:
        migrate_lake(address, timeout)


def lake_revision(address: LakeAddress, connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return the schema of the store in an open lake; None if it has no tables.

    Raises:
        StoreError: it is something else, or has views or macros that are refused.
    """
    if address not in _checked:
        try:
            check_all(connection, str(address))
        except duckdb.Error as error:
            raise lake_error(address, "could not be read", error) from error
    tables = {str(name) for (name,) in run(address, connection, _TABLES)}
    if not tables:
        return None
    if {"alembic_version", "run", "measurement"} <= tables:
        for (revision,) in run(address, connection, "SELECT version_num FROM alembic_version"):
            _checked.add(address)
            return str(revision)
    names = ", ".join(sorted(tables)[:3])
    raise StoreError(
        f"{address} is a lake but not an embstore store (its tables: {names}): name another "
        "database, or a schema of it with ?metadata_schema=NAME"
    )


def create_lake(address: LakeAddress, timeout: float) -> None:
    """Make an empty store, unless another process has just made it.

    Raises:
        StoreError: the database or the folder for its files cannot be written to.
    """
    if address.data_path:
        _check_free(address, address.data_path)
        _make_folder(address, address.data_path)
    with writing_lake(address, timeout, make=True) as connection:
        if migration.current(connection) is None:
            migration.create(connection, keys=False)


def migrate_lake(address: LakeAddress, timeout: float) -> bool:
    """Migrate an older store, and say so; return whether it was older.

    Raises:
        StoreError: it is newer, or cannot be migrated and is as it was.
    """
    with writing_lake(address, timeout) as connection:
        found = bring_up_to_date(address, connection)
    tell_migrated(address, found)
    return found is not None


def tell_migrated(address: LakeAddress, found: str | None) -> None:
    """Say that a store had an older schema, if it had one."""
    if found is not None and found != EMPTY:
        _LOG.warning(
            "%s had schema %s: migrated to %s; its snapshots have it as it was",
            address,
            found,
            migration.HEAD,
        )


def bring_up_to_date(address: LakeAddress, connection: "Connection") -> str | None:
    """Migrate the store that is being written to; return the schema that it had, if older.

    Raises:
        StoreVersionError: a newer embstore wrote it.
    """
    found = migration.current(connection)
    if found == migration.HEAD:
        return None
    if found is None:
        migration.create(connection, keys=False)
        return EMPTY
    if not migration.is_known(found):
        raise newer_store(str(address), found)
    migration.upgrade(connection)
    return found


def check_lake_writable(address: LakeAddress) -> None:
    """Find out whether runs could be stored now; nothing is changed.

    Raises:
        StoreError: what stands in the way.
    """
    if trouble := may_write(address):
        raise StoreError(f"{address} cannot be written to, because {trouble}: change that")
    try:
        with lake_connection(address) as connection:
            files = _files_of(address, connection)
    except NoLakeError:
        if not address.data_path:
            raise
        files = address.data_path
        _check_free(address, files)
    if is_remote(files):
        return
    folder = Path(files)
    # The lake makes the last folder itself.
    trial = folder if folder.exists() else folder.parent
    try:
        with tempfile.NamedTemporaryFile(dir=trial, prefix=_TRIAL) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        raise StoreError(
            f"{address} cannot be written to, because the folder for its files {trial} takes no "
            f"new files ({(error.strerror or str(error)).lower()}): change that"
        ) from error


def _files_of(address: LakeAddress, connection: duckdb.DuckDBPyConnection) -> str:
    """Return where a lake's Parquet files are."""
    return "".join(str(path) for (path,) in run(address, connection, _DATA_PATH))


def _is_here(files: str) -> bool:
    return is_remote(files) or Path(files).is_dir()


def _not_here(address: LakeAddress, files: str) -> StoreError:
    return StoreError(
        f"{address} has its files in {files}, which is not here: make that folder reachable "
        "under this name, as it is on the other machines"
    )


def _check_free(address: LakeAddress, data_path: str) -> None:
    """Refuse to make a lake where something is: to maintain it deletes files that it does not know.

    Raises:
        StoreError: the folder is not empty, and its lake is another.
    """
    if _is_free(address, data_path):
        return
    # Another process may have made it just now.
    with contextlib.suppress(NoLakeError), lake_connection(address):
        return
    raise StoreError(
        f"{address} cannot be made, because the folder for its files {data_path} is not empty: "
        "name one of its own, for maintaining a lake deletes what it does not know there"
    )


def _is_free(address: LakeAddress, data_path: str) -> bool:
    if is_remote(data_path):
        return not has_objects(address, data_path)
    try:
        return all(entry.name.startswith(_TRIAL) for entry in Path(data_path).iterdir())
    except OSError:
        # It is missing, or cannot be read, which making it tells.
        return True


def _make_folder(address: LakeAddress, data_path: str) -> None:
    if is_remote(data_path):
        return
    try:
        Path(data_path).mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{address} cannot be made, because the folder for its files {data_path} cannot "
            f"be made ({(error.strerror or os.strerror(error.errno or 0)).lower()})"
        ) from error
