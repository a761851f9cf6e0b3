"""Finds out that somebody has changed a store's tables or views by hand."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import duckdb

from embstore.store import migration, settings
from embstore.store.reading import revision_of

if TYPE_CHECKING:
    from embstore.store.database import Database

# The names of views, tables and columns.
_PARTS = """
SELECT 'view ' || view_name AS name, '' AS made FROM duckdb_views()
WHERE NOT internal AND database_name = current_database() AND schema_name = 'main'
UNION ALL
SELECT 'table ' || table_name, '' FROM duckdb_tables()
WHERE NOT internal AND database_name = current_database() AND schema_name = 'main'
UNION ALL
SELECT table_name || '.' || column_name, '' FROM duckdb_columns()
WHERE NOT internal AND database_name = current_database() AND schema_name = 'main'
"""
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


def missing_parts(connection: duckdb.DuckDBPyConnection, place: str) -> list[str]:
    """Return which tables, views and columns a store of today's schema lacks, in order."""
    if revision_of(place, connection) != migration.HEAD:
        return []
    there = dict(connection.execute(_PARTS).fetchall())
    gone = sorted(part for part in _as_made()[_PARTS] if part not in there)
    tables = {part.partition(" ")[2] for part in gone if " " in part}
    # Not each column of what is gone as a whole.
    return [part for part in gone if part.partition(".")[0] not in tables]


def changed_tables(database: "Database") -> list[str]:
    """Return the tables that are missing or have other columns."""
    return _changed(database, _TABLES)


def changed_views(database: "Database") -> list[str]:
    """Return the views that are missing or ask something else, and the macros that are missing."""
    return _changed(database, _VIEWS)


def _changed(database: "Database", sql: str) -> list[str]:
    found = {row["name"]: row["made"] for row in database.select(sql).to_pylist()}
    return sorted(name for name, made in _as_made()[sql].items() if found.get(name) != made)


@functools.cache
def _as_made() -> Mapping[str, Mapping[str, str]]:
    """Return what a new store answers to each query; once, for making its tables takes longest."""
    with duckdb.connect(":memory:", config=dict(settings.IN_MEMORY)) as connection:
        connection.execute(migration.head_script())
        asked = (_PARTS, _TABLES, _VIEWS)
        return {sql: dict(connection.execute(sql).fetchall()) for sql in asked}
