"""Writes runs to the store: each in one transaction, in bulk from Arrow, and only once."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
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

# The first stored of a model's checkpoints with given weights, under another name.
_TWINS = """
SELECT c.checkpoint_id, c.revision
FROM checkpoint AS c JOIN model AS m ON m.model_id = c.model_id
LEFT JOIN run AS r ON r.checkpoint_id = c.checkpoint_id
WHERE m.name = :model AND c.revision <> :revision AND c.weights_sha256 = :sha256
    AND c.duplicate_of IS NULL
ORDER BY r.created_at, c.checkpoint_id
LIMIT 1
"""


def write_run(database: "Database", run: Run) -> str:
    """Store a run with all its numbers and return its id.

    All of it is written in one transaction. A run that is stored already, perhaps by a
    process killed before it could report it, is left as it is.

    Raises:
        StoreError: the store is locked, newer, or cannot be written.
    """
    versions = {metric.name: metric.version for metric in run.metrics}
    checkpoint_id = ids.checkpoint_id(run.model.name, run.checkpoint)
    corpus_id = ids.corpus_id(run.corpus)
    configuration_id = ids.configuration_id(checkpoint_id, corpus_id, run.configuration, versions)
    run_id = ids.run_id(configuration_id, run.repeat)
    model_id = ids.model_id(run.model)
    run_row: Row = {
        "run_id": run_id,
        "configuration_id": configuration_id,
        "repeat": run.repeat,
        "checkpoint_id": checkpoint_id,
        "corpus_id": corpus_id,
        **dataclasses.asdict(run.configuration),
        "metric_versions": _canonical(versions),
        **dataclasses.asdict(run.provenance),
        "tags": _canonical(run.tags),
        "study": run.study.name if run.study else None,
        "study_sha256": run.study.sha256 if run.study else None,
    }
    model_row: Row = {"model_id": model_id, **dataclasses.asdict(run.model)}
    checkpoint_row: Row = {
        "checkpoint_id": checkpoint_id,
        "model_id": model_id,
        **dataclasses.asdict(run.checkpoint),
    }
    corpus_row: Row = {"corpus_id": corpus_id, **dataclasses.asdict(run.corpus)}
    measured = run.measured
    # Built before the file is locked.
    bulk = [
        (schema.run, _arrow(schema.run, [run_row])),
        (schema.layer, _arrow(schema.layer, [_keyed(run_id, x) for x in measured.layers])),
        (
            schema.measurement,
            _arrow(schema.measurement, [_measurement(run_id, x) for x in measured.measurements]),
        ),
        (
            schema.spectrum,
            _arrow(schema.spectrum, [_spectrum(run_id, x) for x in measured.spectra if _finite(x)]),
        ),
        (
            schema.massive_activation,
            _arrow(schema.massive_activation, [_keyed(run_id, x) for x in measured.massive]),
        ),
        (
            schema.dimension_curve,
            _arrow(schema.dimension_curve, [_curve(run_id, x) for x in measured.curves]),
        ),
    ]
    with database.begin() as connection:
        if _present(connection, schema.run, [run_id]):
            return run_id
        _insert_absent(connection, schema.model, [model_row])
        twins = connection.execute(sa.text(_TWINS), _twin_of(run.model.name, run.checkpoint))
        checkpoint_row["duplicate_of"] = next((twin.checkpoint_id for twin in twins), None)
        _insert_absent(connection, schema.checkpoint, [checkpoint_row])
        _insert_absent(connection, schema.corpus, [corpus_row])
        _insert_absent(connection, schema.metric, [dataclasses.asdict(x) for x in run.metrics])
        for table, rows in bulk:
            insert_from_arrow(connection, table, rows)
    return run_id


def repeats(database: "Database", configuration_id: str) -> int:
    """Return how many runs of a piece of work are stored; 0 if it, or the store, is new."""
    if not database.path.exists():
        return 0
    found = database.select(
        "SELECT count(*) AS n FROM run WHERE configuration_id = $id", {"id": configuration_id}
    )
    return int(found["n"][0].as_py())


def same_weights(database: "Database", model_name: str, checkpoint: Checkpoint) -> str | None:
    """Return the revision of the same model that was stored first with the same weights."""
    if not database.path.exists():
        return None
    found = database.select(_TWINS.replace(":", "$"), _twin_of(model_name, checkpoint))
    return str(found["revision"][0].as_py()) if found.num_rows else None


def write_failure(database: "Database", failure: Failure) -> None:
    """Note that a checkpoint could not be measured.

    Raises:
        StoreError: the store is locked, newer, or cannot be written.
    """
    row = _arrow(schema.failure, [dataclasses.asdict(failure)])
    with database.begin() as connection:
        insert_from_arrow(connection, schema.failure, row)


def _twin_of(model_name: str, checkpoint: Checkpoint) -> dict[str, str]:
    return {
        "model": model_name,
        "revision": checkpoint.revision,
        "sha256": checkpoint.weights_sha256,
    }


def _canonical(content: Mapping[str, object]) -> str:
    return json.dumps(dict(content), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _keyed(
    run_id: str, record: Layer | Measurement | MassiveActivation | CurvePoint
) -> dict[str, Any]:
    row = dataclasses.asdict(record)
    return {"run_id": run_id, **row.pop("key"), **row}


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
    """Make NaN and infinity NULL."""
    for column in columns:
        number = row[column]
        row[column] = number if number is not None and math.isfinite(number) else None


def _finite(spectrum: Spectrum) -> bool:
    return bool(np.isfinite(spectrum.eigenvalues).all())


def _spectrum(run_id: str, spectrum: Spectrum) -> Row:
    key: LayerKey = spectrum.key
    return {
        "run_id": run_id,
        **dataclasses.asdict(key),
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
    # Double before its base, and BigInteger before Integer.
    simple = (
        (sa.String, pa.string()),
        (sa.Boolean, pa.bool_()),
        (sa.BigInteger, pa.int64()),
        (sa.Integer, pa.int32()),
        (sa.Double, pa.float64()),
    )
    return next(arrow for alchemy, arrow in simple if isinstance(type_, alchemy))


def _arrow(table: sa.Table, rows: Sequence[Row]) -> pa.Table:
    fields = [
        pa.field(c.name, _arrow_type(c.type), nullable=bool(c.nullable)) for c in table.columns
    ]
    return pa.Table.from_pylist(list(rows), schema=pa.schema(fields))


def _present(connection: sa.Connection, table: sa.Table, key: Sequence[object]) -> bool:
    columns = table.primary_key.columns
    same = [column == value for column, value in zip(columns, key, strict=True)]
    return (
        connection.execute(sa.select(sa.literal(1)).select_from(table).where(*same)).first()
        is not None
    )


def _insert_absent(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose key is new; the transaction holds the file, so no race."""
    keys = [column.name for column in table.primary_key.columns]
    new = [row for row in rows if not _present(connection, table, [row[key] for key in keys])]
    if new:
        insert_from_arrow(connection, table, _arrow(table, new))
