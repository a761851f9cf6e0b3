"""Whether a store's tables, views and macros are those that embstore makes."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import duckdb

from embstore.store import migration, settings

if TYPE_CHECKING:
    from embstore.store.connection import Database

# By name, what tables and views are made of; of macros the names, for DuckDB words them anew.
_TABLES = """
SELECT
    columns.table_name AS name,
    string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_name) AS made
FROM duckdb_columns() AS columns SEMI JOIN duckdb_tables() USING (database_oid, table_oid)
GROUP BY columns.table_name
"""
_VIEWS = """
SELECT view_name AS name, sql AS made FROM duckdb_views() WHERE NOT internal
UNION ALL
SELECT DISTINCT function_name || ' (macro)', '' FROM duckdb_functions() WHERE NOT internal
"""


def changed_tables(database: "Database") -> list[str]:
    """Return the tables that are missing or have other columns."""
    return _changed(database, _TABLES)


def changed_views(database: "Database") -> list[str]:
    """Return the views that are missing or ask something else, and the macros that are missing."""
    return _changed(database, _VIEWS)


def _changed(database: "Database", sql: str) -> list[str]:
    found = {row["name"]: row["made"] for row in database.select(sql).to_pylist()}
    return sorted(name for name, made in _as_made(sql).items() if found.get(name) != made)


@functools.cache
def _as_made(sql: str) -> Mapping[str, str]:
    with duckdb.connect(":memory:", config=dict(settings.IN_MEMORY)) as connection:
        connection.execute(migration.head_script())
        return dict(connection.execute(sql).fetchall())
