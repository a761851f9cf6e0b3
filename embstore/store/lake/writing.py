"""Transactions that write to a lake."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import duckdb

from embstore.store.lake.address import LakeAddress
from embstore.store.lake.attach import lake_connection
from embstore.store.lake.failures import lake_error
from embstore.store.lake.server import Turn, turn_to_write
from embstore.store.places import Place
from embstore.store.session import attach, interruptible, locked

if TYPE_CHECKING:
    from sqlalchemy import Connection


@contextlib.contextmanager
def writing_lake(
    address: LakeAddress,
    timeout: float,
    *,
    beside: Mapping[str, Place] | None = None,
    make: bool = False,
) -> "Iterator[Connection]":
    """Open a connection in a transaction: committed at the end, or rolled back.

    Args:
        address: where the lake is.
        timeout: seconds to wait for the writer's turn.
        beside: further stores that the statements may read, by the names they use for them.
        make: make the lake if it is not there.

    Raises:
        StoreLockedError: another process wrote to it for ``timeout`` seconds.
        StoreUnreachableError: its server does not answer, or not any more: whether what was to
            be committed then is stored cannot be known.
        StoreError: the lake or a file cannot be opened or written.
    """
    # SQLAlchemy takes a fifth of a second to import: too much for a question.
    import sqlalchemy

    others = dict(beside or {})
    with locked(address, *others.values()), interruptible(), contextlib.ExitStack() as stack:
        try:
            if make:
                # Of two who make it one comes first.
                turn = stack.enter_context(turn_to_write(address, timeout))
            driver = stack.enter_context(lake_connection(address, read_only=False, make=make))
            for name, other in others.items():
                attach(driver, name, other, timeout)
            if not make:
                # As late as can be, for others wait meanwhile.
                turn = stack.enter_context(turn_to_write(address, timeout))
            yield from _transaction(driver, turn)
        except (duckdb.Error, sqlalchemy.exc.DBAPIError) as error:
            cause = getattr(error, "orig", None) or error
            raise lake_error(address, "could not be written", cause) from error


def _transaction(driver: duckdb.DuckDBPyConnection, turn: Turn) -> "Iterator[Connection]":
    from embstore.store.lake.dialect import lake_engine

    with lake_engine(driver).connect() as connection, connection.begin():
        yield connection
        turn.check()
