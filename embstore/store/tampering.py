"""Finds out that somebody has changed a store's tables or views by hand."""

from functools import cache
from pathlib import Path

import duckdb

from embstore.store import migration
from embstore.store.reading import revision_of

_COLUMNS = """
SELECT table_name || '.' || column_name FROM duckdb_columns()
WHERE NOT internal AND database_name = current_database() AND schema_name = 'main'
"""
_NAMES = """
SELECT 'view ' || view_name FROM duckdb_views()
WHERE NOT internal AND database_name = current_database() AND schema_name = 'main'
UNION ALL
SELECT 'table ' || table_name FROM duckdb_tables()
WHERE NOT internal AND database_name = current_database() AND schema_name = 'main'
"""


def missing_parts(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """Return which tables, views and columns a store of today's schema lacks, in order."""
    if revision_of(path, connection) != migration.HEAD:
        return []
    there = _parts(connection)
    gone = [part for part in _made_by_embstore() if part not in there]
    tables = {part.partition(" ")[2] for part in gone if " " in part}
    # Not each column of what is gone as a whole.
    return [part for part in gone if part.partition(".")[0] not in tables]


@cache
def _made_by_embstore() -> tuple[str, ...]:
    with duckdb.connect(":memory:") as connection:
        connection.execute(migration.head_script())
        return tuple(sorted(_parts(connection)))


def _parts(connection: duckdb.DuckDBPyConnection) -> set[str]:
    found = [connection.execute(sql).fetchall() for sql in (_NAMES, _COLUMNS)]
    return {str(part) for (part,) in (*found[0], *found[1])}
