"""Looks for what no store should have: rows twice, rows of nothing, gaps, impossible numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.store import schema

if TYPE_CHECKING:
    from sqlalchemy import Table

    from embstore.store.connection import Database

# What makes a row of tables without a primary key unlike every other.
_STATE = ("run_id", "stack", "layer", "site")
_KEYS = {
    "layer": _STATE,
    "measurement": (*_STATE, "scope", "metric"),
    "spectrum": (*_STATE, "scope"),
    "dimension_curve": (*_STATE, "scope", "rank"),
    "massive_activation": (*_STATE, "rank"),
}

# A metric's bounds as they are stored, for n vectors of d dimensions.
BOUNDS = {
    "-inf": "-'inf'::DOUBLE",
    "-1/(n - 1)": "-1.0 / greatest(n - 1, 1)",
    "-1": "-1.0",
    "0": "0.0",
    "1/d": "1.0 / d",
    "1": "1.0",
    "log(min(n, d))": "ln(least(n, d))",
    "min(n, d)": "least(n, d)",
    "d - 1": "d - 1",
    "d": "d",
    "inf": "'inf'::DOUBLE",
}
# Of rounding, in a number and in its bound.
_SLACK = 1e-6

_REMEASURE = "remove the run with `embstore rm --run {run}` and ingest it again"
_ORPHANS = "nothing shows these rows; write a clean copy: `embstore export` and `embstore import`"

_GAPS = """
SELECT run_id, stack, max(layer) + 1 - count(DISTINCT layer) AS n
FROM layer GROUP BY run_id, stack HAVING max(layer) + 1 <> count(DISTINCT layer)
"""
_NO_LAYERS = """
SELECT run_id, 1 AS n FROM run WHERE run_id NOT IN (SELECT run_id FROM layer)
"""
# A metric of one layer has a row, with a number or a reason, for each state of a stack; one of
# two layers for each block's state but the last.
_MISSING = """
WITH asked AS (
    SELECT run_id, unnest(json_keys(metric_versions)) AS metric FROM run
),
states AS (
    SELECT
        run_id, stack, count(*) AS n_states,
        count(*) FILTER (site <> 'final_norm') - 1 AS n_pairs
    FROM layer GROUP BY run_id, stack
),
scopes AS (SELECT DISTINCT run_id, stack, scope FROM measurement),
found AS (
    SELECT run_id, stack, scope, metric, count(*) AS n_rows
    FROM measurement GROUP BY ALL
)
SELECT run_id, stack, scope, metric, n_states - coalesce(n_rows, 0) AS n
FROM asked
JOIN states USING (run_id)
JOIN scopes USING (run_id, stack)
LEFT JOIN found USING (run_id, stack, scope, metric)
WHERE coalesce(n_rows, 0) < n_states AND coalesce(n_rows, 0) <> n_pairs
"""
_STRAY = """
SELECT run_id, stack, layer, site, count(*) AS n
FROM measurement ANTI JOIN layer USING (run_id, stack, layer, site)
GROUP BY ALL
"""
_UNEXPLAINED = """
SELECT run_id, stack, layer, scope, metric, 1 AS n
FROM measurement
WHERE (value IS NULL OR NOT isfinite(value)) AND reason IS NULL
"""
_NO_INTERVAL = """
SELECT run_id, stack, layer, scope, metric, 1 AS n
FROM measurement
WHERE std_error < 0 OR ci_low > value + {slack} * abs(value)
    OR ci_high < value - {slack} * abs(value)
"""
_OUT_OF_BOUNDS = """
WITH asked AS (
    SELECT run_id, metric, json_extract(metric_versions, '$."' || metric || '"')::INTEGER AS version
    FROM (SELECT run_id, metric_versions, unnest(json_keys(metric_versions)) AS metric FROM run)
),
known AS (
    SELECT asked.run_id, asked.metric, metric.lower, metric.upper
    FROM asked JOIN metric ON metric.name = asked.metric AND metric.version = asked.version
),
numbers AS (
    SELECT
        measurement.* EXCLUDE (window_effects), known.lower, known.upper,
        layer.hidden_size AS d
    FROM measurement
    JOIN known USING (run_id, metric)
    JOIN layer USING (run_id, stack, layer, site)
    WHERE value IS NOT NULL
),
limits AS (
    SELECT *, {lower} AS least, {upper} AS most FROM numbers
)
SELECT run_id, stack, layer, scope, metric, value, 1 AS n
FROM limits
WHERE least(value, coalesce(ci_low, value)) < least - {slack} * greatest(1, abs(least))
    OR greatest(value, coalesce(ci_high, value)) > most + {slack} * greatest(1, abs(most))
"""


@dataclass(frozen=True)
class Fault:
    """One kind of fault in one table.

    Attributes:
        fault: what is wrong.
        table: where.
        rows: how many rows have it, or are missing.
        example: the first of them.
        advice: what mends it.
    """

    fault: str
    table: str
    rows: int
    example: str
    advice: str


def find_faults(database: "Database") -> list[Fault]:
    """Return what is wrong with a store, table after table; nothing for a sound one.

    Raises:
        StoreError: the store cannot be read.
    """
    with database.held():
        return [fault for fault in _faults(database) if fault is not None]


def _faults(database: "Database") -> Iterator[Fault | None]:
    for table in schema.metadata.sorted_tables:
        if key := _KEYS.get(table.name) or tuple(column.name for column in table.primary_key):
            yield _duplicates(database, table.name, key)
    for table in schema.metadata.sorted_tables:
        yield from _orphans(database, table)
    for fault, where, sql in (
        ("a run without layers", "layer", _NO_LAYERS),
        ("missing layers", "layer", _GAPS),
        ("missing numbers", "measurement", _MISSING),
        ("numbers of no layer", "measurement", _STRAY),
        ("neither a number nor a reason", "measurement", _UNEXPLAINED),
        ("an interval that leaves out its number", "measurement", _NO_INTERVAL),
        ("beyond the metric's bounds", "measurement", _OUT_OF_BOUNDS),
    ):
        yield _ask(database, fault, where, sql.format(**_PARTS), _REMEASURE)


def _duplicates(database: "Database", table: str, key: tuple[str, ...]) -> Fault | None:
    columns = ", ".join(f'"{name}"' for name in key)
    sql = f"SELECT {columns}, count(*) - 1 AS n FROM {table} GROUP BY ALL HAVING count(*) > 1"  # noqa: S608
    return _ask(database, "rows twice", table, sql, _REMEASURE if key[0] == "run_id" else _ORPHANS)


def _orphans(database: "Database", table: "Table") -> Iterator[Fault | None]:
    for reference in table.foreign_keys:
        mine, there = reference.parent.name, reference.column
        sql = f"""
            SELECT {mine}, count(*) AS n FROM {table.name}
            WHERE {mine} NOT IN (SELECT {there.name} FROM {there.table.name}) GROUP BY ALL
        """  # noqa: S608 - names of the schema
        yield _ask(database, f"rows of no {there.table.name}", table.name, sql, _ORPHANS)


def _ask(database: "Database", fault: str, table: str, sql: str, advice: str) -> Fault | None:
    """Count the rows that have a fault, and show the first in the order of their names."""
    found = database.select(
        f"SELECT *, sum(n) OVER () AS n_in_all FROM ({sql}) ORDER BY ALL LIMIT 1"  # noqa: S608
    ).to_pylist()
    if not found:
        return None
    (first,) = found
    rows = int(first.pop("n_in_all"))
    del first["n"]
    example = ", ".join(f"{name} {_shown(value)}" for name, value in first.items())
    run = str(first.get("run_id", ""))[:12]
    return Fault(fault, table, rows, example, advice.format(run=run))


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _bound(column: str) -> str:
    cases = " ".join(f"WHEN '{text}' THEN {sql}" for text, sql in BOUNDS.items())
    # What a later embstore may write is no fault.
    return f"CASE {column} {cases} END"


_PARTS = {"slack": _SLACK, "lower": _bound("lower"), "upper": _bound("upper")}
