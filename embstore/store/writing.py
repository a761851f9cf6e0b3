"""Writes runs to the store: each in one transaction, in bulk from Arrow, and only once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import sqlalchemy as sa
from duckdb_sqlalchemy import insert_from_arrow

from embstore.store import duplicates, ids, schema
from embstore.store.columns import arrow_table, numbers_of
from embstore.types import (
    Checkpoint,
    Failure,
    Run,
)

if TYPE_CHECKING:
    from embstore.store.database import Database

Row = dict[str, object]

# A model that was given another name is still found by its id.
_ALIKE = """
SELECT m.name, m.model_id, c.weights_sha256, c.revision
FROM checkpoint AS c JOIN model AS m ON m.model_id = c.model_id
WHERE list_contains(:weights, c.weights_sha256)
"""
_IS_DERIVED = "SELECT 1 FROM derivation LIMIT 1"


@dataclass(frozen=True)
class _Rows:
    """A run as rows: its own, those that other runs may share, and its numbers in bulk."""

    run: Row
    model: Row
    checkpoint: Row
    corpus: Row
    metrics: list[Row]
    weights: tuple[str, ...]
    numbers: dict[sa.Table, pa.Table]


def write_run(database: "Database", run: Run, *, patient: bool = True) -> str:
    """Store a run with all its numbers and return its id.

    All of it is written in one transaction. A run that is stored already, perhaps by a
    process killed before it could report it, is left as it is. A repeat gets another number, and
    so another id, if one that was measured at another moment has taken its number meanwhile.

    Args:
        database: the store.
        run: what was measured.
        patient: wait longer for a locked store than a question would.

    Raises:
        StoreError: the store is locked, newer, or cannot be written.
    """
    (run_id,) = write_runs(database, [run], patient=patient)
    return run_id


def write_runs(database: "Database", runs: Iterable[Run], *, patient: bool = True) -> list[str]:
    """Store several runs as ``write_run`` does, all in one transaction; return their ids.

    Raises:
        StoreError: the store is locked, newer, or cannot be written.
    """
    several = list(runs)
    # Built before the file is locked.
    built = [_rows(run) for run in several]

    def store(connection: sa.Connection) -> None:
        for place, run in enumerate(several):
            if run.repeat and (repeat := _free_repeat(connection, run)) != run.repeat:
                built[place] = _rows(replace(run, repeat=repeat))
        stored = insert_absent(connection, schema.run, [rows.run for rows in built])
        _insert(connection, [rows for rows in built if any(rows.run is row for row in stored)])
        if stored and connection.exec_driver_sql(_IS_DERIVED).first():
            # Computing takes what storing does without: most stores have no derived numbers.
            from embstore.store.derived_numbers import carry_on

            carry_on(connection, [str(row["run_id"]) for row in stored])

    database.transact(store, patient=patient)
    return [str(rows.run["run_id"]) for rows in built]


def _rows(run: Run) -> _Rows:
    versions = {metric.name: metric.version for metric in run.metrics}
    checkpoint_id = ids.checkpoint_id(run.model.name, run.checkpoint)
    corpus_id = ids.corpus_id(run.corpus)
    configuration_id = ids.configuration_id_of(run)
    run_id = ids.run_id(configuration_id, run.repeat)
    model_id = ids.model_id(run.model)
    row: Row = {
        "run_id": run_id,
        "configuration_id": configuration_id,
        "repeat": run.repeat,
        "checkpoint_id": checkpoint_id,
        "corpus_id": corpus_id,
        **vars(run.configuration),
        "metric_versions": _canonical(versions),
        **vars(run.provenance),
        "tags": _canonical(run.tags),
        "study": run.study.name if run.study else None,
        "study_sha256": run.study.sha256 if run.study else None,
        "model_config": run.model_config,
    }
    # The fingerprint of the files is in the id, and nowhere else.
    facts = {key: fact for key, fact in vars(run.checkpoint).items() if key != "files_sha256"}
    return _Rows(
        run=row,
        model={"model_id": model_id, **vars(run.model)},
        checkpoint={
            "checkpoint_id": checkpoint_id,
            "model_id": model_id,
            **facts,
            "duplicate_of": None,
        },
        corpus={"corpus_id": corpus_id, **vars(run.corpus)},
        metrics=[dict(vars(metric)) for metric in run.metrics],
        weights=fingerprints(run.checkpoint),
        numbers=numbers_of(run_id, run.measured),
    )


def _insert(connection: sa.Connection, new: Sequence[_Rows]) -> None:
    """Store all of runs but their rows of ``run``, which are there."""
    insert_absent(connection, schema.model, [rows.model for rows in new])
    _insert_checkpoints(connection, new)
    insert_absent(connection, schema.corpus, [rows.corpus for rows in new])
    insert_absent(connection, schema.metric, [metric for rows in new for metric in rows.metrics])
    for table in new[0].numbers if new else ():
        insert_from_arrow(connection, table, pa.concat_tables(rows.numbers[table] for rows in new))


def _insert_checkpoints(connection: sa.Connection, new: Sequence[_Rows]) -> None:
    """Store checkpoints, and mark those that have the weights of another of their model."""
    stored = insert_absent(connection, schema.checkpoint, [rows.checkpoint for rows in new])
    weights = {sha256 for rows in new for sha256 in rows.weights}
    revisions: dict[tuple[str, str], set[str]] = {}
    for *names, sha256, revision in connection.execute(sa.text(_ALIKE), {"weights": list(weights)}):
        for name in names:
            revisions.setdefault((name, sha256), set()).add(revision)
    copies = [
        (str(rows.checkpoint["checkpoint_id"]), duplicates.weights_of(name, sha256))
        for rows in new
        for name in (str(rows.model["name"]), str(rows.model["model_id"]))
        for sha256 in rows.weights
        if revisions.get((name, sha256), set()) - {rows.checkpoint["revision"]}
    ]
    if copies:
        latest = [str(checkpoint["checkpoint_id"]) for checkpoint in stored]
        duplicates.mark(connection, copies, latest)


def next_repeats(database: "Database") -> dict[str, int]:
    """Return the number that the next repeat of each stored piece of work gets.

    It is above all that are there: of those between, some may have been removed.
    """
    if not database.exists():
        return {}
    found = database.select("SELECT configuration_id, max(repeat) + 1 AS n FROM run GROUP BY ALL")
    return dict(zip(found["configuration_id"].to_pylist(), found["n"].to_pylist(), strict=True))


def repeat_of(database: "Database", run: Run) -> int | None:
    """Return as which doing of its work a run is to be stored; None if it is stored already.

    It is stored if one of that work was measured at the same moment.
    """
    if not database.exists():
        return 0
    found = database.select(
        "SELECT created_at, repeat FROM run WHERE configuration_id = $id",
        {"id": ids.configuration_id_of(run)},
    )
    if run.provenance.created_at in found["created_at"].to_pylist():
        return None
    return max(found["repeat"].to_pylist(), default=-1) + 1


def _free_repeat(connection: sa.Connection, run: Run) -> int:
    """Return a repeat's own number, or the next one if another moment's run has that."""
    columns = schema.run.c
    found = connection.execute(
        sa.select(columns.repeat, columns.created_at == run.provenance.created_at).where(
            columns.configuration_id == ids.configuration_id_of(run)
        )
    ).all()
    is_same = {int(repeat): bool(same) for repeat, same in found}
    if run.repeat not in is_same or is_same[run.repeat]:
        return run.repeat
    # It may be there under another number: from an attempt whose answer was lost.
    return next((repeat for repeat, same in is_same.items() if same), max(is_same) + 1)


def write_failure(database: "Database", failure: Failure) -> None:
    """Note that a checkpoint could not be measured.

    Raises:
        StoreError: the store is locked, newer, or cannot be written.
    """
    row = arrow_table(schema.failure, [vars(failure)])

    def store(connection: sa.Connection) -> None:
        if _is_noted(connection, failure):
            return
        insert_from_arrow(connection, schema.failure, row)

    database.transact(store)


def _is_noted(connection: sa.Connection, failure: Failure) -> bool:
    """Say whether this very failure is stored: by an attempt whose answer was lost."""
    columns = schema.failure.c
    same = (columns[name].is_not_distinct_from(value) for name, value in vars(failure).items())
    noted = sa.select(sa.literal(1)).where(*same)
    return connection.execute(noted).first() is not None


def fingerprints(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return the fingerprints under which the same weights may be stored."""
    # Earlier versions of embstore stored that of the files.
    both = (checkpoint.weights_sha256, checkpoint.files_sha256 or checkpoint.weights_sha256)
    return tuple(dict.fromkeys(both))


def _canonical(content: Mapping[str, object]) -> str:
    return json.dumps(dict(content), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def insert_absent(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> Sequence[Row]:
    """Insert the rows whose key is new, the first of each key, and return these.

    The transaction holds the file, so nobody else inserts them meanwhile.
    """
    columns = list(table.primary_key.columns)
    by_key: dict[tuple[object, ...], Row] = {}
    for row in rows:
        by_key.setdefault(tuple(row[column.name] for column in columns), row)
    stored = connection.execute(sa.select(*columns).where(sa.tuple_(*columns).in_(list(by_key))))
    known = {tuple(row) for row in stored}
    new = [row for key, row in by_key.items() if key not in known]
    if new:
        insert_from_arrow(connection, table, arrow_table(table, new))
    return new
