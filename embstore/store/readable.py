"""Finds out which store is damaged, once something that read it has failed.

DuckDB's message does not always name the file that it is about.
"""

from typing import TYPE_CHECKING

import duckdb

from embstore.store.reading import asking
from embstore.store.table_names import FACTS, NUMBERS

if TYPE_CHECKING:
    from embstore.store.database import Database


def check_readable(database: "Database") -> None:
    """Read every row of a store, which takes as long as that.

    Raises:
        StoreError: it cannot be read.
    """
    home = database.home
    with asking(home.key, database.timeout, home.connect) as connection:
        try:
            for table in (*FACTS, *NUMBERS):
                # Of all columns, else DuckDB reads none.
                connection.execute(f"SELECT bit_xor(hash(t)) FROM {table} AS t").fetchall()  # noqa: S608
        except duckdb.Error as error:
            raise home.not_read(error) from error
