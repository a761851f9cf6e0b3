"""Connections to the store's file, each closed as soon as its queries or its write are done."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from embstore.store.failures import writing_error
from embstore.store.in_place import attach_export
from embstore.store.locking import open_with_retry, thread_lock

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Opens what is asked: a part of the file, or what lies behind a path that is no DuckDB file.
Connect = Callable[[], duckdb.DuckDBPyConnection]

# Never fetch or load an extension by itself (DuckDB would, for a SQLite file),
# and never read a caller's Python variable that is called like a table.
_WRITE_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
_READ_CONFIG = {
    **_WRITE_CONFIG,
    "allow_community_extensions": "false",
    "enable_external_access": "false",
}


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # What DuckDB's Python client makes of Ctrl-C.
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from None
        raise


@contextlib.contextmanager
def reading(
    path: Path, timeout: float, connect: Connect | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a read-only connection that reaches nothing but ``path``, in UTC.

    ``connect`` opens it where it is not the whole file that is read, with its settings locked.

    Raises:
        StoreError: the file cannot be opened, or was locked for ``timeout`` seconds.
    """

    def whole() -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(path), read_only=True, config=dict(_READ_CONFIG))
        # DuckDB takes no time zone at connecting, so its settings are locked after it.
        connection.execute("SET TimeZone = 'UTC'; SET lock_configuration = true")
        return connection

    with (
        thread_lock(path),
        _interruptible(),
        contextlib.closing(open_with_retry(path, timeout, connect or whole)) as connection,
    ):
        yield connection


def fetch(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, object]
) -> pa.Table:
    """Run one statement to its end, or to Ctrl-C.

    On Ctrl-C, DuckDB's Python client (1.5.5) leaves the query half done, and closing the
    connection may then wait for it forever. So another thread, which no signal reaches,
    runs the query and is told to stop.
    """

    def run() -> pa.Table:
        return connection.execute(sql, dict(params)).to_arrow_table()

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(run)
        try:
            return result.result()
        except KeyboardInterrupt:
            # More than once: a query that has not started yet forgets the first.
            while not result.done():
                connection.interrupt()
                wait([result], timeout=0.05)
            raise


def connect_to_write(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the file as ``writing`` does, and thereby lock it."""
    return duckdb.connect(str(path), config=dict(_WRITE_CONFIG))


@contextlib.contextmanager
def writing(
    path: Path, timeout: float, *, beside: Mapping[str, Path] | None = None
) -> "Iterator[Connection]":
    """Open a connection in a transaction: committed at the end, or rolled back.

    Args:
        path: the store's file.
        timeout: seconds to wait for it.
        beside: further stores that the statements may read, by the names they use for them.

    Raises:
        StoreError: a file cannot be opened or written, or was locked for
            ``timeout`` seconds.
    """
    # SQLAlchemy takes a fifth of a second to import: too much for a question.
    import sqlalchemy

    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create("duckdb", database=str(path)),
        connect_args={"config": dict(_WRITE_CONFIG)},
        # A pooled connection would keep the file locked after it is given back.
        poolclass=sqlalchemy.NullPool,
    )
    others = dict(beside or {})
    with contextlib.ExitStack() as locks:
        # In one order, so that of two threads that merge each other's store none waits forever.
        for file in sorted({path, *others.values()}):
            locks.enter_context(thread_lock(file))
        locks.enter_context(_interruptible())
        connection = open_with_retry(path, timeout, engine.connect)
        try:
            with connection:
                # Before the transaction, which a file that cannot be opened would end.
                for name, other in others.items():
                    _attach(connection, name, other, timeout)
                with connection.begin():
                    yield connection
        except (duckdb.Error, sqlalchemy.exc.DBAPIError) as error:
            raise writing_error(path, getattr(error, "orig", None) or error) from error


def _attach(connection: "Connection", name: str, other: Path, timeout: float) -> None:
    """Let a connection read another store, or an export, under a name."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    if other.is_dir():
        open_with_retry(other, timeout, lambda: attach_export(driver, name, other))
        return
    quoted = str(other).replace("'", "''")
    attach = f"ATTACH '{quoted}' AS {name} (READ_ONLY)"
    open_with_retry(other, timeout, lambda: driver.execute(attach))
