"""DuckDB through SQLAlchemy, without what DuckLake does not have: keys, indexes, constraints.

One schema and one history of migrations then serve files and lakes.
"""

from typing import Any

import duckdb
import sqlalchemy as sa
from duckdb_sqlalchemy import ConnectionWrapper, Dialect, DuckDBDDLCompiler


class _LakeDDLCompiler(DuckDBDDLCompiler):  # type: ignore[misc]
    """Leaves out what DuckLake refuses."""

    def create_table_constraints(self, table: sa.Table, **_kw: Any) -> str:
        """Leave constraints of tables out."""
        del table
        return ""


class LakeDialect(Dialect):  # type: ignore[misc]
    """DuckDB's dialect for tables in a lake."""

    ddl_compiler = _LakeDDLCompiler
    supports_statement_cache = True


sa.dialects.registry.register("duckdb.lake", __name__, LakeDialect.__name__)


class _KeptOpen(ConnectionWrapper):  # type: ignore[misc]
    """A connection that others close."""

    def close(self) -> None:
        """Leave it open."""


def lake_engine(connection: duckdb.DuckDBPyConnection) -> sa.Engine:
    """Return an engine on an open connection, which stays open when the engine is done."""
    return sa.create_engine(
        "duckdb+lake:///:memory:",
        creator=lambda: _KeptOpen(connection),
        poolclass=sa.NullPool,
        # Who closes it ends its transaction.
        pool_reset_on_return=None,
    )
