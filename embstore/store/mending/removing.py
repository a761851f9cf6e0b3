"""Takes runs out of a store, with all that belonged to nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from embstore.common.utf8_text import is_utf8
from embstore.errors import QueryError
from embstore.store import duplicates
from embstore.store.mending.find_runs import (
    RunFacts,
    Select,
    Selection,
    failures,
    find_runs,
    in_transaction,
)
from embstore.store.quoting import quoted, quoted_ids
from embstore.store.table_names import NUMBERS, ORPHANS

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.database import Database

_GONE = "(SELECT unnest(string_split(?, ',')))"
# The share of a table's rows that must go so that writing the others anew is worth it.
_WORTH_THE_WORK = 0.1
_COLUMNS = ("model", "revision", "corpus", "created_at", "run_id")


@dataclass(frozen=True)
class Removed:
    """What was removed, or would be.

    Attributes:
        runs: a row for each run: model, revision, corpus, date, id, and how many numbers it has.
        measurements: numbers of all of them.
        failures: notes of checkpoints of a removed model that could not be measured.
        freed_bytes: what the file has free afterwards, for later runs, or is smaller by; None of a
            lake, whose files are deleted when it is maintained.
    """

    runs: pa.Table
    measurements: int
    failures: int
    freed_bytes: int | None


def remove_runs(database: "Database", selection: Selection, *, dry_run: bool = False) -> Removed:
    """Remove runs with their numbers, and what no other run needs; all of it or nothing.

    Checkpoints, models, texts and definitions of metrics go with their last run. Failures go
    where their whole model, or the revision that is named, does.

    Args:
        database: where they are.
        selection: which ones.
        dry_run: only tell what would be removed.

    Raises:
        UsageError: nothing is named, or too little of an id.
        QueryError: what is named is not there.
        StoreError: the store cannot be written.
    """
    database.check_whole()
    found = _find(database.look, selection)
    if dry_run:
        return found
    free = database.free_bytes()
    found = database.transact(lambda connection: _remove(connection, selection))
    left = database.free_bytes()
    freed = None if left is None or free is None else max(0, left - free)
    return replace(found, freed_bytes=freed)


def _remove(connection: "sa.Connection", selection: Selection) -> Removed:
    found = _find(in_transaction(connection), selection)
    connection.exec_driver_sql(f"DELETE FROM failure WHERE {_failed(selection)}")  # noqa: S608
    _delete(connection, found.runs["run_id"].to_pylist())
    return found


def _find(select: Select, selection: Selection) -> Removed:
    """Return what is to be removed."""
    runs = _runs(select, selection)
    of_failures = f"{failures(select)} WHERE {_failed(selection)}"
    (failed,) = select(f"SELECT count(*) AS n FROM {of_failures}")  # noqa: S608 - quoted
    counted = _counted(select, runs)
    return Removed(
        runs=counted,
        measurements=sum(counted["measurements"].to_pylist()),
        failures=int(str(failed["n"])),
        freed_bytes=0,
    )


def _runs(select: Select, selection: Selection) -> Sequence[RunFacts]:
    try:
        return find_runs(select, selection)
    except QueryError:
        # A model of which there are only failures can be removed, too.
        of_failures = f"{failures(select)} WHERE {_failed(selection)}"
        if select(f"SELECT 1 FROM {of_failures} LIMIT 1"):  # noqa: S608 - quoted
            return []
        raise


def _failed(selection: Selection) -> str:
    """Return a condition on failures: those of what is removed as a whole."""
    if selection.runs or not (selection.models or selection.revisions):
        return "false"
    conditions = [
        # Nothing is called by what is no text, and DuckDB would not take it.
        f"{column} IN ({', '.join(map(quoted, filter(is_utf8, names))) or 'NULL'})"
        for column, names in (("model", selection.models), ("revision", selection.revisions))
        if names
    ]
    return " AND ".join(conditions)


def _counted(select: Select, runs: Sequence[RunFacts]) -> pa.Table:
    ids = quoted_ids(str(run["run_id"]) for run in runs)
    found = select(
        "SELECT run_id, count(*) AS n FROM measurement "  # noqa: S608 - quoted
        f"WHERE run_id IN (SELECT unnest(string_split({ids}, ','))) GROUP BY run_id"
    )
    numbers = {str(row["run_id"]): int(str(row["n"])) for row in found}
    columns: dict[str, pa.Array] = {
        name: pa.array([run[name] for run in runs], _type_of(name)) for name in _COLUMNS
    }
    counts = [numbers.get(str(run["run_id"]), 0) for run in runs]
    return pa.table({**columns, "measurements": pa.array(counts, pa.int64())})


def _type_of(column: str) -> pa.DataType:
    return pa.timestamp("us", tz="UTC") if column == "created_at" else pa.string()


def _delete(connection: "sa.Connection", runs: Sequence[str]) -> None:
    if not runs:
        return
    linked = duplicates.links(connection)
    gone = ",".join(runs)
    for name in NUMBERS:
        _delete_rows(connection, name, gone)
    connection.exec_driver_sql(
        f"DELETE FROM run WHERE run_id IN {_GONE}",  # noqa: S608 - of our own words
        (gone,),
    )
    for table, orphaned in ORPHANS.items():
        connection.exec_driver_sql(f"DELETE FROM {table} WHERE {orphaned}")  # noqa: S608 - our own
    # What was a copy of a removed checkpoint needs another original.
    left = {checkpoint_id for checkpoint_id, _ in duplicates.links(connection)}
    duplicates.mark(connection, [link for link in linked if link[0] not in left])


def _delete_rows(connection: "sa.Connection", table: str, gone: str) -> None:
    """Delete rows of runs; where they are many, by making the table anew.

    DuckDB frees the space of 122,880 neighbouring rows once all of them are deleted, and not
    before.
    """
    among = f"{table} WHERE run_id {{}} {_GONE}"
    removed = f"SELECT count(*) FROM {among.format('IN')}"  # noqa: S608 - of our own words
    counts = f"SELECT ({removed}), (SELECT count(*) FROM {table})"  # noqa: S608 - the same
    deleted, stored = connection.exec_driver_sql(counts, (gone,)).one()
    if deleted < _WORTH_THE_WORK * stored or not deleted:
        connection.exec_driver_sql(f"DELETE FROM {among.format('IN')}", (gone,))  # noqa: S608
        return
    found = connection.exec_driver_sql(
        "SELECT sql FROM duckdb_tables() WHERE table_name = ? AND database_name = "
        "current_database()",
        (table,),
    )
    made = str(found.scalar_one())
    connection.exec_driver_sql(made.replace(f"CREATE TABLE {table}(", f"CREATE TABLE {table}_(", 1))
    connection.exec_driver_sql(f"INSERT INTO {table}_ FROM {among.format('NOT IN')}", (gone,))
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(f"ALTER TABLE {table}_ RENAME TO {table}")
