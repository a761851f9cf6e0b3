"""Finds out which store is damaged, once something that read it has failed.

DuckDB's message does not always name the file that it is about.
"""

from pathlib import Path

import duckdb

from embstore.store.failures import reading_error
from embstore.store.reading import asking
from embstore.store.session import Connect
from embstore.store.table_names import FACTS, NUMBERS


def check_readable(place: Path, file: Path, timeout: float, connect: Connect | None = None) -> None:
    """Read every row of a store, which takes as long as that.

    Args:
        place: the store, as people name it.
        file: what is read of it: the store itself, or its migrated copy.
        timeout: seconds to wait for the file.
        connect: opens it, if it is an export.

    Raises:
        StoreError: it cannot be read; names ``place``.
    """
    with asking(file, timeout, connect) as connection:
        try:
            for table in (*FACTS, *NUMBERS):
                # Of all columns, else DuckDB reads none.
                connection.execute(f"SELECT bit_xor(hash(t)) FROM {table} AS t").fetchall()  # noqa: S608
        except duckdb.Error as error:
            raise reading_error(place, error) from error
