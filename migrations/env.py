"""Alembic's environment: runs migrations on the connection embstore hands over.

The whole upgrade is one transaction of the caller's (DuckDB's DDL is
transactional and has no savepoints), so a failing one leaves the store as it was.
"""

# Registers DuckDB with Alembic; the dialect does so by itself only when Alembic
# was imported before it.
import duckdb_sqlalchemy.alembic_impl  # noqa: F401
from alembic import context

from embstore.store.schema import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError(
        "embstore migrates a store when it opens it: run any embstore command on the store"
    )

context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
