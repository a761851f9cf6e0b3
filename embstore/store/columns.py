"""What was measured in a run, as columns of Arrow tables.

One column after the other: of the thousands of records of a run, a dictionary for each takes
several times as long.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from embstore.store import schema
from embstore.store.missing_values import has_value, why_none
from embstore.types import (
    CurvePoint,
    Layer,
    LayerDistance,
    LayerKey,
    MassiveActivation,
    Measured,
    Measurement,
)

Record = Layer | Measurement | MassiveActivation | CurvePoint | LayerDistance
Column = Callable[[Sequence[Record]], Iterable[object] | pa.Array]

# Smaller ones lose digits as 4-byte numbers.
_LEAST_EFFECT = 1e-30

_OF_KEY = tuple(LayerKey.__dataclass_fields__)


def numbers_of(run_id: str, measured: Measured) -> dict[sa.Table, pa.Table]:
    """Return a run's rows of each table of numbers.

    NaN and infinity become NULL; where a number is NULL, its reason is not.
    """
    return {
        schema.layer: _table(schema.layer, run_id, measured.layers),
        schema.measurement: measurements_of(run_id, measured.measurements),
        schema.spectrum: _spectra(run_id, measured),
        schema.massive_activation: _table(schema.massive_activation, run_id, measured.massive),
        schema.dimension_curve: _table(
            schema.dimension_curve, run_id, measured.curves, window_effects=_effects
        ),
        schema.angular_distance: _table(schema.angular_distance, run_id, measured.distances),
    }


def measurements_of(run_id: str, numbers: Sequence[Measurement]) -> pa.Table:
    """Return numbers of a run as rows of ``measurement``."""
    return _table(
        schema.measurement,
        run_id,
        # A metric's rows stand together, so that who asks for one reads little else.
        sorted(numbers, key=attrgetter("metric", "scope")),
        reason=_reasons,
        window_effects=_effects,
    )


def arrow_table(table: sa.Table, rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """Return rows as the database has them; what a row lacks is NULL."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=_schema(table))


def _table(table: sa.Table, run_id: str, records: Sequence[Record], **made: Column) -> pa.Table:
    """Take each column from the records, from their keys, or from what ``made`` makes of them."""
    fields = _schema(table)
    keys = [record.key for record in records]
    columns = []
    for field in fields:
        if field.name == "run_id":
            columns.append(pa.repeat(pa.scalar(run_id), len(records)))
            continue
        if field.name in made:
            values = made[field.name](records)
        else:
            holders = keys if field.name in _OF_KEY else records
            values = map(attrgetter(field.name), holders)
        if isinstance(values, pa.Array):
            columns.append(values)
        elif pa.types.is_float64(field.type):
            columns.append(_finite(values))
        else:
            columns.append(pa.array(list(values), field.type))
    return pa.Table.from_arrays(columns, schema=fields)


def _finite(values: Iterable[object]) -> pa.Array:
    # None becomes NaN, and whatever is not finite NULL.
    numbers = np.array(list(values), dtype=np.float64)
    return pa.array(numbers, mask=~np.isfinite(numbers))


def _reasons(records: Sequence[Record]) -> Iterable[object]:
    for record in records:
        known = has_value(record)  # type: ignore[arg-type]
        yield record.reason if known else why_none(record)  # type: ignore[arg-type,union-attr]


def _effects(records: Sequence[Record]) -> pa.Array:
    """Put all effects of windows into one array, but for those that 4 bytes cannot hold."""
    found = [record.window_effects or () for record in records]  # type: ignore[union-attr]
    lengths = np.fromiter(map(len, found), np.int64, len(found))
    ends = lengths.cumsum()
    flat = np.fromiter(chain.from_iterable(found), np.float64, ends[-1] if found else 0)
    there = lengths > 0
    most = np.zeros(len(found))
    most[there] = np.maximum.reduceat(np.abs(flat), (ends - lengths)[there]) if len(flat) else 0
    kept = there & (most > _LEAST_EFFECT) & (most < 1 / _LEAST_EFFECT)
    offsets = np.concatenate([[0], (lengths * kept).cumsum()])
    shown = flat[np.repeat(kept, lengths)].astype(np.float32)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), shown, mask=pa.array(~kept))


def _spectra(run_id: str, measured: Measured) -> pa.Table:
    return arrow_table(
        schema.spectrum,
        (
            {
                "run_id": run_id,
                **vars(spectrum.key),
                "scope": spectrum.scope,
                "eigenvalues": spectrum.eigenvalues,
                "trace": float(spectrum.eigenvalues.sum()),
                "n": spectrum.n,
            }
            for spectrum in measured.spectra
            if np.isfinite(spectrum.eigenvalues).all()
        ),
    )


def _schema(table: sa.Table) -> pa.Schema:
    return pa.schema(
        [pa.field(c.name, _arrow_type(c.type), nullable=bool(c.nullable)) for c in table.columns]
    )


def _arrow_type(type_: "sa.types.TypeEngine[object]") -> pa.DataType:
    if isinstance(type_, sa.ARRAY):
        return pa.list_(_arrow_type(type_.item_type))
    if isinstance(type_, sa.DateTime):
        return pa.timestamp("us", tz="UTC")
    # BigInteger before Integer, its base.
    simple = (
        (sa.String, pa.string()),
        (sa.Boolean, pa.bool_()),
        (sa.BigInteger, pa.int64()),
        (sa.Integer, pa.int32()),
        (sa.Double, pa.float64()),
        (sa.REAL, pa.float32()),
    )
    return next(arrow for alchemy, arrow in simple if isinstance(type_, alchemy))
