"""Reading back what a store holds."""

from embstore.store import ids, schema
from embstore.store.connection import Database
from embstore.types import Run

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


def configuration_id(run: Run) -> str:
    return ids.configuration_id(
        ids.checkpoint_id(run.model.name, run.checkpoint),
        ids.corpus_id(run.corpus),
        run.configuration,
        {metric.name: metric.version for metric in run.metrics},
    )


def contents(database: Database) -> dict[str, list[str]]:
    """Everything a store holds, whatever the order of its rows."""
    with database.held():
        return {
            name: sorted(map(repr, database.select(f"SELECT * FROM {name}").to_pylist()))
            for name in schema.metadata.tables
        }
