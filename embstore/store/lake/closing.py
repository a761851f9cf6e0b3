"""Closes connections to lakes, or leaves those alone that cannot be closed."""

import contextlib
import ctypes
from collections.abc import Iterator

import duckdb


@contextlib.contextmanager
def closing(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Close a connection at the end, unless its server is lost: then forget it, still open.

    DuckDB (1.5.5) ends the whole process where it closes a connection and its transaction cannot
    be rolled back, or an earlier fault inside DuckDB forbids it.
    """
    try:
        yield connection
    finally:
        if _is_at_rest(connection):
            connection.close()
        else:
            # One reference more than there are: Python never takes it away.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _is_at_rest(connection: duckdb.DuckDBPyConnection) -> bool:
    """End the transaction of a connection, if it has one, and say whether it has none now."""
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error as error:
        return "no transaction is active" in str(error)
    return True
