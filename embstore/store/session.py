"""Connections to the store's file, each closed as soon as its queries or its write are done."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from embstore.common.names import distinct
from embstore.common.utf8_text import utf8
from embstore.errors import QueryError, StoreError
from embstore.store import settings
from embstore.store.answers import collect
from embstore.store.exact_types import exact_sql
from embstore.store.exports.in_place import attach_export
from embstore.store.failures import writing_error
from embstore.store.lake.address import LakeAddress
from embstore.store.lake.attach import attach_lake
from embstore.store.limits import NO_LIMITS, Limits
from embstore.store.locking import open_with_retry, thread_lock
from embstore.store.places import Place
from embstore.store.quoting import quoted

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Opens what is asked: a part of the file, or what lies behind a path that is no DuckDB file.
Connect = Callable[[], contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]]


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise what Ctrl-C raises elsewhere also where DuckDB is busy."""
    try:
        yield
    except RuntimeError as error:
        # What DuckDB's Python client makes of Ctrl-C.
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from None
        raise


@contextlib.contextmanager
def reading(place: Place, timeout: float, connect: Connect) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a read-only connection with ``connect``, which locks its settings.

    Raises:
        StoreError: it cannot be opened, or was locked for ``timeout`` seconds.
    """
    with (
        thread_lock(place),
        interruptible(),
        open_with_retry(place, timeout, connect) as connection,
    ):
        yield connection


def reading_file(
    path: Path, timeout: float, *, memory: str | None = None
) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
    """Open a read-only connection that reaches nothing but ``path``, in UTC.

    Raises:
        StoreError: the file cannot be opened, or was locked for ``timeout`` seconds.
    """
    return reading(path, timeout, functools.partial(connect_to_read, path, memory))


def connect_to_read(path: Path, memory: str | None = None) -> duckdb.DuckDBPyConnection:
    """Open a file as ``reading_file`` does, once."""
    limit = f"SET memory_limit = '{memory}'; " if memory else ""
    connection = duckdb.connect(for_duckdb(path), read_only=True, config=dict(settings.READING))
    # DuckDB takes no time zone at connecting, so its settings are locked after it.
    connection.execute(f"SET TimeZone = 'UTC'; {limit}SET lock_configuration = true")
    return connection


def fetch(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    params: Mapping[str, object],
    *,
    exact: bool = False,
    limits: Limits = NO_LIMITS,
) -> pa.Table:
    """Run one statement to its end, to Ctrl-C, or to the end of its time.

    On Ctrl-C, DuckDB's Python client (1.5.5) leaves the query half done, and closing the
    connection may then wait for it forever. So another thread, which no signal reaches,
    runs the query and is told to stop.

    Args:
        connection: where to run it.
        sql: one statement; with ``exact`` a SELECT.
        params: the values of its parameters.
        exact: give columns of types that Arrow does not have as text.
        limits: how long it may take.

    Raises:
        QueryError: it takes longer.
    """

    def run() -> pa.Table:
        connection.execute(sql, dict(params))
        names = [column[0] for column in connection.description]
        if exact and (again := exact_sql(sql, [column[1] for column in connection.description])):
            connection.execute(again, dict(params))
        return collect(connection).rename_columns(distinct(names))

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(run)
        try:
            # Python waits for no longer than three centuries.
            return result.result(limits.seconds and min(limits.seconds, threading.TIMEOUT_MAX))
        except KeyboardInterrupt:
            _stop(connection, result)
            raise
        except TimeoutError:
            if not result.done():
                _stop(connection, result)
                raise QueryError(
                    f"the statement took longer than {limits.seconds:g} s and was stopped: allow "
                    "more time, or ask for less"
                ) from None
            return result.result()


def _stop(connection: duckdb.DuckDBPyConnection, result: Future[pa.Table]) -> None:
    # More than once: a query that has not started yet forgets the first.
    while not result.done():
        connection.interrupt()
        wait([result], timeout=0.05)


def for_duckdb(path: Path) -> str:
    """Return a path as DuckDB takes it, which is UTF-8 whatever the locale.

    Raises:
        StoreError: its bytes are no UTF-8.
    """
    try:
        return utf8(str(path))
    except UnicodeError:
        raise StoreError(
            f"{path} cannot be opened: DuckDB needs a path that is UTF-8; rename it"
        ) from None


def connect_to_write(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the file as ``writing`` does, and thereby lock it."""
    return duckdb.connect(for_duckdb(path), config=dict(settings.WRITING))


@contextlib.contextmanager
def writing(
    path: Path, timeout: float, *, beside: Mapping[str, Place] | None = None
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
        sqlalchemy.URL.create("duckdb", database=for_duckdb(path)),
        connect_args={"config": dict(settings.WRITING if beside else settings.WRITING_ROWS)},
        # A pooled connection would keep the file locked after it is given back.
        poolclass=sqlalchemy.NullPool,
    )
    others = dict(beside or {})
    with locked(path, *others.values()), interruptible():
        connection = open_with_retry(path, timeout, engine.connect)
        try:
            with connection:
                # Before the transaction, which a file that cannot be opened would end.
                for name, other in others.items():
                    attach(driver_of(connection), name, other, timeout)
                with connection.begin():
                    yield connection
        except (duckdb.Error, sqlalchemy.exc.DBAPIError) as error:
            raise writing_error(path, getattr(error, "orig", None) or error) from error


def attach(connection: duckdb.DuckDBPyConnection, name: str, other: Place, timeout: float) -> None:
    """Let a connection read another store, an export or a lake, under a name.

    Raises:
        StoreError: it cannot be opened, or was locked for ``timeout`` seconds.
    """
    if isinstance(other, LakeAddress):
        attach_lake(connection, name, other)
        return
    if other.is_dir():
        open_with_retry(other, timeout, lambda: attach_export(connection, name, other))
        return
    attach_file = f"ATTACH {quoted(for_duckdb(other))} AS {name} (READ_ONLY)"
    open_with_retry(other, timeout, lambda: connection.execute(attach_file))


def driver_of(connection: "Connection") -> duckdb.DuckDBPyConnection:
    """Return DuckDB's own connection behind one of SQLAlchemy's."""
    driver: duckdb.DuckDBPyConnection | None = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    return driver


@contextlib.contextmanager
def locked(*places: Place) -> Iterator[None]:
    """Keep other threads from some stores."""
    with contextlib.ExitStack() as locks:
        # In one order, so that of two threads that merge each other's store none waits forever.
        for place in sorted(set(places), key=str):
            locks.enter_context(thread_lock(place))
        yield
