"""Attaches a lake to a DuckDB connection."""

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any

import duckdb

from embstore.store import settings
from embstore.store.extensions import load_extension
from embstore.store.lake.address import SCHEME, LakeAddress, is_remote, libpq_words
from embstore.store.lake.closing import closing
from embstore.store.lake.failures import lake_error
from embstore.store.lake.server import connecting
from embstore.store.quoting import quoted

# What a lake is called in a connection of its own.
LAKE = "lake"

_EXTENSIONS = ("postgres_scanner", "ducklake")


@contextlib.contextmanager
def lake_connection(
    address: LakeAddress, *, read_only: bool = True, make: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection, in UTC, in which a lake is attached and in use.

    Args:
        address: where the lake is.
        read_only: refuse to write to it.
        make: make it if it is not there.

    Raises:
        StoreUnreachableError: its server does not answer.
        StoreError: it is not there, or cannot be used.
    """
    with closing(_connect()) as connection:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        attach_lake(connection, LAKE, address, read_only=read_only, make=make)
        run(address, connection, f"USE {LAKE}")
        yield connection


def has_objects(address: LakeAddress, data_path: str) -> bool:
    """Say whether there is anything in a folder of object storage.

    Raises:
        StoreError: it cannot be asked.
    """
    with _connect() as connection:
        _reach_object_storage(connection)
        found = f"SELECT 1 FROM glob({quoted(f'{data_path}**')}) LIMIT 1"  # noqa: S608 - quoted
        return bool(run(address, connection, found))


def _connect() -> duckdb.DuckDBPyConnection:
    # Extensions are checked once in a process, and not each time that they are loaded.
    unchecked = {"allow_unsigned_extensions": "true"}
    return duckdb.connect(":memory:", config={**settings.WRITING, **unchecked})


def attach_lake(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    address: LakeAddress,
    *,
    read_only: bool = True,
    make: bool = False,
) -> None:
    """Attach a lake to a connection under a name.

    Raises:
        StoreUnreachableError: its server does not answer.
        StoreError: it is not there, or cannot be used.
    """
    # In this order: the second looks for the first only where DuckDB keeps its own.
    for extension in _EXTENSIONS:
        _load(connection, extension, "a lake is used")
    if address.data_path and is_remote(address.data_path):
        _reach_object_storage(connection)
    options = [f"CREATE_IF_NOT_EXISTS {'true' if make else 'false'}"]
    if read_only:
        options.append("READ_ONLY")
    if address.schema:
        options.append(f"METADATA_SCHEMA {quoted(address.schema)}")
    if address.data_path:
        options.append(f"DATA_PATH {quoted(address.data_path)}")
    where = quoted(f"{SCHEME}{libpq_words(connecting(address).items())}")
    attach = f"ATTACH {where} AS {name} ({', '.join(options)})"
    try:
        connection.execute(attach)
    except duckdb.Error as error:
        if "extension httpfs" not in str(error):
            raise lake_error(address, "cannot be opened", error) from error
        # Only the lake knows where its files are.
        _reach_object_storage(connection)
        run(address, connection, attach)


def run(
    address: LakeAddress,
    connection: duckdb.DuckDBPyConnection,
    sql: str,
) -> list[tuple[Any, ...]]:
    """Run a statement of our own on a lake, and return its rows.

    Raises:
        StoreUnreachableError: the server does not answer, or not any more.
        StoreError: it fails.
    """
    try:
        return connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise lake_error(address, "could not be read", error) from error


def _reach_object_storage(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection read and write files on object storage; the environment has its keys."""
    _load(connection, "httpfs", "files on object storage are used")
    if os.environ.get("DUCKDB_S3_ENDPOINT"):
        # A server of one's own has no name for each bucket.
        connection.execute("SET GLOBAL s3_url_style = 'path'")


def _load(connection: duckdb.DuckDBPyConnection, extension: str, what: str) -> None:
    _check_signature(extension, what)
    load_extension(connection, extension, what)


@functools.cache
def _check_signature(extension: str, what: str) -> None:
    """Check once that an extension is DuckDB's own, which takes longer than a question."""
    with duckdb.connect(":memory:", config=dict(settings.WRITING)) as connection:
        load_extension(connection, extension, what)
