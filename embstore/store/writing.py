"""Writes runs to the store: each in one transaction, in bulk from Arrow, and only once."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from duckdb_sqlalchemy import insert_from_arrow

from embstore.store import ids, schema
from embstore.types import (
    Checkpoint,
    CurvePoint,
    Failure,
    Layer,
    LayerKey,
    MassiveActivation,
    Measurement,
    Run,
    Spectrum,
)

if TYPE_CHECKING:
    from embstore.store.connection import Database

Row = dict[str, object]

# Smaller ones lose digits as 4-byte numbers.
_LEAST_EFFECT = 1e-30

# The first stored of a model's checkpoints with given weights, under another name.
_TWINS = """
SELECT c.checkpoint_id, c.revision
FROM checkpoint AS c JOIN model AS m ON m.model_id = c.model_id
LEFT JOIN run AS r ON r.checkpoint_id = c.checkpoint_id
WHERE m.name = :model AND c.revision <> :revision AND c.weights_sha256 IN (:sha256, :files_sha256)
    AND c.duplicate_of IS NULL
ORDER BY r.created_at, c.checkpoint_id
LIMIT 1
"""


@dataclass(frozen=True)
class _Rows:
    """A run as rows: its own, those that other runs may share, and its numbers in bulk."""

    run: Row
    model: Row
    checkpoint: Row
    corpus: Row
    metrics: list[Row]
    twin_of: dict[str, str]
    numbers: dict[sa.Table, pa.Table]


def write_run(database: "Database", run: Run, *, patient: bool = True) -> str:
    """Store a run with all its numbers and return its id.

    All of it is written in one transaction. A run that is stored already, perhaps by a
    process killed before it could report it, is left as it is.

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
    # Built before the file is locked.
    built = [_rows(run) for run in runs]
    with database.begin(patient=patient) as connection:
        new = [rows.numbers for rows in built if _insert_facts(connection, rows)]
        for table in new[0] if new else ():
            insert_from_arrow(connection, table, pa.concat_tables(rows[table] for rows in new))
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
    }
    measured = run.measured
    numbers = {
        schema.layer: [_keyed(run_id, x) for x in measured.layers],
        schema.measurement: [_measurement(run_id, x) for x in measured.measurements],
        schema.spectrum: [_spectrum(run_id, x) for x in measured.spectra if _finite(x)],
        schema.massive_activation: [_keyed(run_id, x) for x in measured.massive],
        schema.dimension_curve: [_curve(run_id, x) for x in measured.curves],
    }
    # The fingerprint of the files is in the id, and nowhere else.
    facts = {key: fact for key, fact in vars(run.checkpoint).items() if key != "files_sha256"}
    return _Rows(
        run=row,
        model={"model_id": model_id, **vars(run.model)},
        checkpoint={"checkpoint_id": checkpoint_id, "model_id": model_id, **facts},
        corpus={"corpus_id": corpus_id, **vars(run.corpus)},
        metrics=[dict(vars(metric)) for metric in run.metrics],
        twin_of=_twin_of(run.model.name, run.checkpoint),
        numbers={table: _arrow(table, rows) for table, rows in numbers.items()},
    )


def _insert_facts(connection: sa.Connection, rows: _Rows) -> bool:
    """Store all but the numbers; return False for a run that is stored already."""
    if not _insert_absent(connection, schema.run, [rows.run]):
        return False
    _insert_absent(connection, schema.model, [rows.model])
    twins = connection.execute(sa.text(_TWINS), rows.twin_of)
    duplicate_of = next((twin.checkpoint_id for twin in twins), None)
    checkpoint = {**rows.checkpoint, "duplicate_of": duplicate_of}
    _insert_absent(connection, schema.checkpoint, [checkpoint])
    _insert_absent(connection, schema.corpus, [rows.corpus])
    _insert_absent(connection, schema.metric, rows.metrics)
    return True


def repeats(database: "Database", configuration_id: str) -> int:
    """Return how many runs of a piece of work are stored; 0 if it, or the store, is new."""
    if not database.path.exists():
        return 0
    found = database.select(
        "SELECT count(*) AS n FROM run WHERE configuration_id = $id", {"id": configuration_id}
    )
    return int(found["n"][0].as_py())


def all_repeats(database: "Database") -> dict[str, int]:
    """Return how many runs of each piece of work are stored."""
    if not database.path.exists():
        return {}
    found = database.select("SELECT configuration_id, count(*) AS n FROM run GROUP BY ALL")
    return dict(zip(found["configuration_id"].to_pylist(), found["n"].to_pylist(), strict=True))


def repeat_of(database: "Database", run: Run) -> int | None:
    """Return as which doing of its work a run is to be stored; None if it is stored already.

    It is stored if one of that work was measured at the same moment.
    """
    if not database.path.exists():
        return 0
    found = database.select(
        "SELECT created_at FROM run WHERE configuration_id = $id",
        {"id": ids.configuration_id_of(run)},
    )
    moments = found["created_at"].to_pylist()
    return None if run.provenance.created_at in moments else len(moments)


def same_weights(database: "Database", model_name: str, checkpoint: Checkpoint) -> str | None:
    """Return the revision of the same model that was stored first with the same weights."""
    if not database.path.exists():
        return None
    found = database.select(_TWINS.replace(":", "$"), _twin_of(model_name, checkpoint))
    return str(found["revision"][0].as_py()) if found.num_rows else None


def stored_weights(database: "Database", model_name: str, checkpoint: Checkpoint) -> str | None:
    """Return the fingerprint of a checkpoint's weights as it is stored; None if it is not."""
    if not database.path.exists():
        return None
    found = database.select(
        "SELECT weights_sha256 FROM checkpoint WHERE checkpoint_id = $id",
        {"id": ids.checkpoint_id(model_name, checkpoint)},
    )
    return str(found["weights_sha256"][0].as_py()) if found.num_rows else None


def write_failure(database: "Database", failure: Failure) -> None:
    """Note that a checkpoint could not be measured.

    Raises:
        StoreError: the store is locked, newer, or cannot be written.
    """
    row = _arrow(schema.failure, [vars(failure)])
    with database.begin() as connection:
        insert_from_arrow(connection, schema.failure, row)


def _twin_of(model_name: str, checkpoint: Checkpoint) -> dict[str, str]:
    return {
        "model": model_name,
        "revision": checkpoint.revision,
        "sha256": checkpoint.weights_sha256,
        # Earlier versions of embstore stored that of the files.
        "files_sha256": checkpoint.files_sha256 or checkpoint.weights_sha256,
    }


def _canonical(content: Mapping[str, object]) -> str:
    return json.dumps(dict(content), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _keyed(
    run_id: str, record: Layer | Measurement | MassiveActivation | CurvePoint
) -> dict[str, Any]:
    # Not dataclasses.asdict, which copies every value: a run has thousands of records.
    row = {"run_id": run_id, **vars(record.key), **vars(record)}
    del row["key"]
    return row


def _measurement(run_id: str, measurement: Measurement) -> Row:
    row = _keyed(run_id, measurement)
    value = measurement.value
    if value is not None and not math.isfinite(value):
        row["reason"] = measurement.reason or f"the result was {value:f}"
    _drop_undefined(row, ("value", "std_error", "ci_low", "ci_high"))
    if row["value"] is None:
        row["reason"] = row["reason"] or "undefined"
    return row


def _curve(run_id: str, point: CurvePoint) -> Row:
    row = _keyed(run_id, point)
    _drop_undefined(row, ("dimension", "std_error", "ci_low", "ci_high", "mean_distance"))
    return row


def _drop_undefined(row: dict[str, Any], columns: Sequence[str]) -> None:
    """Make NaN and infinity NULL, and effects of windows that 4 bytes cannot hold."""
    effects = row["window_effects"]
    if effects and not _LEAST_EFFECT < max(map(abs, effects)) < 1 / _LEAST_EFFECT:
        row["window_effects"] = None
    for column in columns:
        number = row[column]
        row[column] = number if number is not None and math.isfinite(number) else None


def _finite(spectrum: Spectrum) -> bool:
    return bool(np.isfinite(spectrum.eigenvalues).all())


def _spectrum(run_id: str, spectrum: Spectrum) -> Row:
    key: LayerKey = spectrum.key
    return {
        "run_id": run_id,
        **vars(key),
        "scope": spectrum.scope,
        "eigenvalues": spectrum.eigenvalues,
        "trace": float(spectrum.eigenvalues.sum()),
        "n": spectrum.n,
    }


def _arrow_type(type_: "sa.types.TypeEngine[object]") -> pa.DataType:
    if isinstance(type_, sa.ARRAY):
        return pa.list_(_arrow_type(type_.item_type))
    if isinstance(type_, sa.DateTime):
        return pa.timestamp("us", tz="UTC")
    # Double before Float, its base, and BigInteger before Integer.
    simple = (
        (sa.String, pa.string()),
        (sa.Boolean, pa.bool_()),
        (sa.BigInteger, pa.int64()),
        (sa.Integer, pa.int32()),
        (sa.Double, pa.float64()),
        (sa.Float, pa.float32()),
    )
    return next(arrow for alchemy, arrow in simple if isinstance(type_, alchemy))


def _arrow(table: sa.Table, rows: Sequence[Row]) -> pa.Table:
    fields = [
        pa.field(c.name, _arrow_type(c.type), nullable=bool(c.nullable)) for c in table.columns
    ]
    return pa.Table.from_pylist(list(rows), schema=pa.schema(fields))


def _insert_absent(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose key is new, and return how many.

    The transaction holds the file, so nobody else inserts them meanwhile.
    """
    columns = list(table.primary_key.columns)
    keys = [tuple(row[column.name] for column in columns) for row in rows]
    stored = connection.execute(sa.select(*columns).where(sa.tuple_(*columns).in_(keys)))
    known = {tuple(row) for row in stored}
    new = [row for row, key in zip(rows, keys, strict=True) if key not in known]
    if new:
        insert_from_arrow(connection, table, _arrow(table, new))
    return len(new)
