"""Writes a table in the formats that programs read: csv, tsv, json, jsonl, parquet."""

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from embstore.errors import QueryError
from embstore.tables.values import plain_rows

if TYPE_CHECKING:
    import pyarrow as pa


def as_separated(table: "pa.Table", delimiter: str) -> bytes:
    """Return csv or tsv, numbers in full, missing values empty."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows([_cell(value) for value in row] for row in plain_rows(table))
    return text.getvalue().encode()


def as_json(table: "pa.Table", *, lines: bool) -> bytes:
    """Return an array of objects, or with ``lines`` one object a line."""
    names = _distinct(table.column_names)
    encoded = [
        json.dumps(_finite(dict(zip(names, row, strict=True))), ensure_ascii=False)
        for row in plain_rows(table)
    ]
    if lines:
        return "".join(f"{line}\n" for line in encoded).encode()
    text = "[" + ",".join(f"\n  {line}" for line in encoded) + ("\n]\n" if encoded else "]\n")
    return text.encode()


def not_in_json(table: "pa.Table") -> list[str]:
    """Name the columns with NaN or infinity, which JSON writes as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return [
        name
        for name, column in zip(table.column_names, table.columns, strict=True)
        if pa.types.is_floating(column.type) and pc.all(pc.is_finite(column)).as_py() is False
    ]


def as_parquet(table: "pa.Table") -> bytes:
    """Return a Parquet file with the table's own types.

    Raises:
        QueryError: Parquet has no place for a column's type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    try:
        pq.write_table(table.rename_columns(_distinct(table.column_names)), sink)
    except pa.ArrowNotImplementedError:
        raise QueryError(
            f"Parquet cannot hold {' or '.join(_without_place(table))}: cast it in the SQL, as in "
            "column::VARCHAR"
        ) from None
    return bytes(sink.getvalue().to_pybytes())


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return json.dumps(_finite(value), ensure_ascii=False)
    return value


def _finite(value: object) -> object:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def _distinct(names: Sequence[str]) -> list[str]:
    """Number the names that repeat, as DuckDB does: ``x, x_1``."""
    distinct: list[str] = []
    for name in names:
        unused, count = name, 0
        while unused in distinct:
            count += 1
            unused = f"{name}_{count}"
        distinct.append(unused)
    return distinct


def _without_place(table: "pa.Table") -> list[str]:
    """Name the columns whose types Parquet does not have."""
    import pyarrow as pa

    interval = pa.month_day_nano_interval()
    found = [
        f"column {field.name!r} of type {field.type}"
        for field in table.schema
        if field.type == interval or pa.types.is_union(field.type)
    ]
    return found or ["a column of this answer"]
