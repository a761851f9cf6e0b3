"""Reading back what a store holds."""

from embstore.store import schema
from embstore.store.database import Database

Row = dict[str, object]


def rows(database: Database, sql: str, **params: object) -> list[Row]:
    found: list[Row] = database.select(sql, params).to_pylist()
    return found


def counts(database: Database) -> dict[str, int]:
    with database.held():
        return {
            name: int(database.select(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py())
            for name in schema.metadata.tables
        }


def contents(database: Database) -> dict[str, list[str]]:
    """Everything a store holds, whatever the order of its rows."""
    with database.held():
        return {
            name: sorted(map(repr, database.select(f"SELECT * FROM {name}").to_pylist()))
            for name in schema.metadata.tables
        }
