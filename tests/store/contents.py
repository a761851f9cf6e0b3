"""Reading back what a store holds."""

import numpy as np
import pyarrow as pa

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


def equal_answers(one: pa.Table, other: pa.Table) -> bool:
    """Say whether two answers have the same rows; means and sums to rounding.

    In which order DuckDB adds rows follows from where they lie.
    """
    if one.schema != other.schema or one.num_rows != other.num_rows:
        return False
    for name, field in zip(one.column_names, one.schema, strict=True):
        if one[name].equals(other[name]):
            continue
        if not pa.types.is_floating(field.type):
            return False
        ours, theirs = (np.array(each[name].to_pylist(), dtype=float) for each in (one, other))
        # Of differences between numbers of about 1 some digits are gone.
        if not np.allclose(ours, theirs, rtol=1e-12, atol=1e-12, equal_nan=True):
            return False
    return True
