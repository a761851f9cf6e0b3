"""Attaches a lake to a DuckDB connection."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import duckdb

from embstore.store import settings
from embstore.store.extensions import load_extension
from embstore.store.lake.address import LakeAddress, is_remote
from embstore.store.lake.closing import closing
from embstore.store.lake.failures import lake_error
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
    _check_signatures()
    # They are checked above, and not again.
    unchecked = {"allow_unsigned_extensions": "true"}
    opened = duckdb.connect(":memory:", config={**settings.WRITING, **unchecked})
    with closing(opened) as connection:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        attach_lake(connection, LAKE, address, read_only=read_only, make=make)
        run(address, connection, f"USE {LAKE}")
        yield connection


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
    _load_extensions(connection)
    if address.data_path and is_remote(address.data_path):
        load_extension(connection, "httpfs", "files on object storage are used")
    options = [f"CREATE_IF_NOT_EXISTS {'true' if make else 'false'}"]
    if read_only:
        options.append("READ_ONLY")
    if address.schema:
        options.append(f"METADATA_SCHEMA {quoted(address.schema)}")
    if address.data_path:
        options.append(f"DATA_PATH {quoted(address.data_path)}")
    where = quoted(f"ducklake:postgres:{address.words}")
    attach = f"ATTACH {where} AS {name} ({', '.join(options)})"
    run(address, connection, attach, "cannot be opened")


def run(
    address: LakeAddress,
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    failing: str = "could not be read",
) -> list[tuple[Any, ...]]:
    """Run a statement of our own on a lake, and return its rows.

    Raises:
        StoreUnreachableError: the server does not answer, or not any more.
        StoreError: it fails; ``failing`` says at what.
    """
    try:
        return connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise lake_error(address, failing, error) from error


def _load_extensions(connection: duckdb.DuckDBPyConnection) -> None:
    # In this order: the second looks for the first only where DuckDB keeps its own.
    for name in _EXTENSIONS:
        load_extension(connection, name, "a lake is used")


@functools.cache
def _check_signatures() -> None:
    """Check once that the extensions are DuckDB's own, which takes longer than a question."""
    with duckdb.connect(":memory:", config=dict(settings.WRITING)) as connection:
        _load_extensions(connection)
