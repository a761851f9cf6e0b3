"""Looks for what no store should have: rows twice, rows of nothing, gaps, impossible numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from embstore.common.messages import listed
from embstore.store import schema
from embstore.store.table_names import NUMBERS
from embstore.store.tampering import changed_tables, changed_views
from embstore.store.verification import derived, gaps, limits

if TYPE_CHECKING:
    from embstore.store.database import Database

# What makes a row of tables without a primary key unlike every other.
_STATE = ("run_id", "stack", "layer", "site")
_KEYS = {
    "layer": _STATE,
    "measurement": (*_STATE, "scope", "metric"),
    "spectrum": (*_STATE, "scope"),
    "dimension_curve": (*_STATE, "scope", "rank"),
    "angular_distance": (*_STATE, "scope", "other_layer"),
    "massive_activation": (*_STATE, "rank"),
    "derivation": ("run_id", "metric"),
    "score": ("model", "revision", "step", "name", "scored_at", "imported_at"),
}

_REMEASURE = "remove the run with `embstore rm --run {run} --yes` and ingest it again"
_IMPORT_AGAIN = (
    "remove them with `embstore scores rm` and import them again, as embstore takes no such score"
)
_CLEAN_COPY = (
    "no run has these rows; write a clean copy without them: `embstore export DIR`, then "
    "`embstore import DIR --store NEW.duckdb`"
)
_IN_EXPORT = (
    "an export is only read: take it into a store with `embstore import`, mend that, and export "
    "it to a new folder"
)

_RESTORE = "restore the store from a copy"
_CHANGED = (
    "somebody has changed it, and questions may answer with what is not measured; write a clean "
    "copy without it: `embstore export DIR`, then `embstore import DIR --store NEW.duckdb`"
)
_RENEW = "export the store again, which writes damaged files anew, or fetch the folder again"

# A run that refers to nothing is shown by no question, but can be removed by its id.
_ORPHANS = (
    (
        "checkpoint", "model",
        "SELECT checkpoint_id, model_id, min(run_id) AS run_id, 1 AS n FROM checkpoint "
        "JOIN run USING (checkpoint_id) ANTI JOIN model USING (model_id) GROUP BY ALL",
        _REMEASURE,
    ),
    (
        "checkpoint", "model",
        "SELECT checkpoint_id, model_id, 1 AS n FROM checkpoint "
        "ANTI JOIN run USING (checkpoint_id) ANTI JOIN model USING (model_id)",
        _CLEAN_COPY,
    ),
    *(
        (
            "run", parent, f"SELECT run_id, {parent}_id, 1 AS n "  # noqa: S608 - our own tables
            f"FROM run ANTI JOIN {parent} USING ({parent}_id)",
            _REMEASURE,
        )
        for parent in ("checkpoint", "corpus")
    ),
    *(
        (
            table, "run", "SELECT run_id, count(*) AS n "  # noqa: S608 - our own tables
            f"FROM {table} ANTI JOIN run USING (run_id) GROUP BY ALL",
            _CLEAN_COPY,
        )
        for table in (*NUMBERS, "tag_change", "derivation")
    ),
)  # fmt: skip
_RUN_FAULTS = (
    ("a run without layers", "layer", gaps.NO_LAYERS),
    ("missing layers", "layer", gaps.MISSING_LAYERS),
    ("not as many blocks as the model has", "layer", gaps.OTHER_BLOCKS),
    ("unreadable JSON", "run", gaps.UNREADABLE),
    ("missing numbers", "measurement", gaps.MISSING_NUMBERS),
    ("missing spectra", "spectrum", gaps.MISSING_SPECTRA),
    ("missing points of the curve", "dimension_curve", gaps.MISSING_CURVES),
    ("missing distances", "angular_distance", gaps.MISSING_DISTANCES),
    ("missing activations", "massive_activation", gaps.MISSING_ACTIVATIONS),
    ("numbers of no layer", "measurement", gaps.stray("measurement")),
    ("numbers of no layer", "spectrum", gaps.stray("spectrum")),
    ("numbers of no layer", "dimension_curve", gaps.stray("dimension_curve")),
    ("numbers of no layer", "angular_distance", gaps.stray("angular_distance")),
    ("numbers of no layer", "massive_activation", gaps.stray("massive_activation")),
    ("numbers that the run was not to measure", "measurement", gaps.NOT_ASKED),
    ("numbers both measured and derived", "derivation", derived.DERIVED_AND_MEASURED),
    ("a metric without a definition", "metric", gaps.UNDEFINED_METRIC),
    ("neither a number nor a reason", "measurement", limits.UNEXPLAINED),
    ("an interval that leaves out its number", "measurement", limits.NO_INTERVAL),
    ("an interval that leaves out its number", "dimension_curve", limits.NO_CURVE_INTERVAL),
    ("an interval that leaves out its number", "angular_distance", limits.NO_DISTANCE_INTERVAL),
    ("beyond the metric's bounds", "measurement", limits.OUT_OF_BOUNDS),
    ("an index that is no whole number", "measurement", limits.NO_INDEX),
    ("impossible counts", "run", limits.IMPOSSIBLE_RUN),
    ("impossible counts", "layer", limits.IMPOSSIBLE_LAYER),
    ("impossible counts", "measurement", limits.impossible_count("measurement")),
    ("impossible counts", "spectrum", limits.impossible_count("spectrum")),
    ("impossible counts", "dimension_curve", limits.impossible_count("dimension_curve")),
    ("impossible counts", "angular_distance", limits.impossible_count("angular_distance")),
    ("impossible numbers", "spectrum", limits.IMPOSSIBLE_SPECTRUM),
    ("impossible numbers", "dimension_curve", limits.IMPOSSIBLE_CURVE),
    ("impossible numbers", "angular_distance", limits.IMPOSSIBLE_DISTANCE),
    ("impossible numbers", "massive_activation", limits.IMPOSSIBLE_ACTIVATION),
)


@dataclass(frozen=True)
class Fault:
    """One kind of fault in one table.

    Attributes:
        fault: what is wrong.
        table: where.
        rows: how many rows have it, or are missing; of an export how many files.
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

    Of an export whose files are damaged only these are told: what is in them says nothing. The
    same goes for tables that are missing or have other columns.

    Raises:
        StoreError: the store cannot be read.
    """
    if damaged := database.damaged_files():
        example = listed(f"{name} {why}" for name, why in sorted(damaged.items()))
        return [Fault("a damaged file", "the files", len(damaged), example, _RENEW)]
    with database.held():
        # What is put together in memory has tables and views of its own.
        whole = not database.is_assembled
        if whole and (tables := changed_tables(database)):
            return [_changed("a table that is not as embstore makes it", tables, _RESTORE)]
        found = [fault for fault in _faults(database) if fault is not None]
        if whole and (views := changed_views(database)):
            found.append(_changed("a view that is not as embstore makes it", views, _CHANGED))
    if database.is_only_read:
        return [replace(fault, advice=_IN_EXPORT) for fault in found]
    return found


def _changed(fault: str, names: Sequence[str], advice: str) -> Fault:
    return Fault(fault, names[0], len(names), listed(names), advice)


def _faults(database: "Database") -> Iterator[Fault | None]:
    for table in schema.metadata.sorted_tables:
        if key := _KEYS.get(table.name) or tuple(column.name for column in table.primary_key):
            yield _duplicates(database, table.name, key)
    for name, parent, sql, advice in _ORPHANS:
        yield _ask(database, f"rows of no {parent}", name, sql, advice)
    for fault, where, sql in _RUN_FAULTS:
        yield _ask(database, fault, where, sql, _REMEASURE)
    yield _ask(database, "impossible scores", "score", limits.IMPOSSIBLE_SCORE, _IMPORT_AGAIN)
    yield _fault(
        "a derived number that its spectrum does not give",
        "measurement",
        list(derived.other_numbers(database)),
        _REMEASURE,
    )


def _duplicates(database: "Database", table: str, key: tuple[str, ...]) -> Fault | None:
    columns = ", ".join(f'"{name}"' for name in key)
    of_runs = "WHERE run_id IN (SELECT run_id FROM run)" if "run_id" in key else ""
    sql = f"SELECT {columns}, count(*) - 1 AS n FROM {table} {of_runs} GROUP BY ALL HAVING n > 0"  # noqa: S608
    return _ask(database, "rows twice", table, sql, _REMEASURE if of_runs else _CLEAN_COPY)


def _ask(database: "Database", fault: str, table: str, sql: str, advice: str) -> Fault | None:
    """Count the rows that have a fault, and show the first in the order of their names."""
    # `sum(n) OVER ()` would be shorter, but DuckDB 1.5.5 now and then fails inside itself on
    # a total over all rows (duckdb/duckdb#25713).
    found = database.select(
        f"WITH faulty AS MATERIALIZED ({sql}) "  # noqa: S608
        "SELECT *, (SELECT sum(n) FROM faulty) AS n_in_all FROM faulty ORDER BY ALL LIMIT 1"
    ).to_pylist()
    if not found:
        return None
    (first,) = found
    rows = int(first.pop("n_in_all"))
    del first["n"]
    return _told(fault, table, rows, first, advice)


def _fault(
    fault: str, table: str, found: Sequence[Mapping[str, object]], advice: str
) -> Fault | None:
    return _told(fault, table, len(found), found[0], advice) if found else None


def _told(fault: str, table: str, rows: int, first: Mapping[str, object], advice: str) -> Fault:
    example = ", ".join(f"{name} {_shown(value)}" for name, value in first.items())
    run = str(first.get("run_id", ""))[:12]
    return Fault(fault, table, rows, example, advice.format(run=run))


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
