"""Writes a table in the formats that programs read: csv, tsv, json, jsonl, parquet.

All are written batch by batch, so that a table larger than memory can lie in a file.
"""

import csv
import io
import json
from typing import TYPE_CHECKING, BinaryIO

from embstore.common.names import distinct
from embstore.tables.cells import in_json, joined, lines, separated
from embstore.tables.scalars import text, texts
from embstore.tables.values import batches, plain_values

if TYPE_CHECKING:
    import pyarrow as pa

_ROW_GROUP = 100_000


def write_separated(table: "pa.Table", sink: BinaryIO, delimiter: str) -> None:
    """Write csv or tsv, numbers in full, missing values empty."""
    header = io.StringIO()
    csv.writer(header, delimiter=delimiter, lineterminator="\n").writerow(table.column_names)
    sink.write(header.getvalue().encode())
    for batch in batches(table):
        columns = [separated(column, delimiter) for column in batch.columns]
        if len(columns) == 1:
            columns = [_not_empty(columns[0])]
        sink.write(joined(columns, delimiter))


def write_json(table: "pa.Table", sink: BinaryIO, *, as_lines: bool) -> None:
    """Write an array of objects, or with ``as_lines`` one object a line."""
    names = [json.dumps(name, ensure_ascii=False) for name in distinct(table.column_names)]
    begin, end = ("", "\n") if as_lines else (",\n  ", "")
    parts = [f"{', ' * (place > 0)}{name}: " for place, name in enumerate(names)]
    parts[0] = f"{begin}{{{parts[0]}"
    written = False
    if not as_lines:
        sink.write(b"[")
    for batch in batches(table):
        content = lines([in_json(column) for column in batch.columns], [*parts, f"}}{end}"])
        # No comma before the first.
        sink.write(content if written or as_lines else content[1:])
        written = True
    if not as_lines:
        sink.write(b"\n]\n" if written else b"]\n")


def not_in_json(table: "pa.Table") -> list[str]:
    """Name the columns with NaN or infinity, which JSON writes as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return [
        name
        for name, column in zip(table.column_names, table.columns, strict=True)
        if pa.types.is_floating(column.type)
        and not all(pc.all(pc.is_finite(chunk)).as_py() is not False for chunk in column.chunks)
    ]


def write_parquet(table: "pa.Table", sink: BinaryIO) -> None:
    """Write a Parquet file with the table's own types; as text what Parquet does not have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = table.rename_columns(distinct(table.column_names))
    for place, field in enumerate(table.schema):
        if not _in_parquet(field.type):
            written = [separated_text(chunk) for chunk in table.column(place).chunks]
            table = table.set_column(place, field.name, pa.chunked_array(written, pa.string()))
    pq.write_table(table, sink, row_group_size=_ROW_GROUP)


def separated_text(array: "pa.Array") -> "pa.Array":
    """Return a column as text that needs no quotes."""
    return texts([None if v is None else str(v) for v in plain_values(array)])


def _not_empty(column: "pa.Array") -> "pa.Array":
    """Quote what is empty in the only column: an empty line would be no row."""
    import pyarrow.compute as pc

    filled = pc.fill_null(column, text(""))
    return pc.if_else(pc.equal(filled, text("")), text('""'), filled)


def _in_parquet(type_: "pa.DataType") -> bool:
    import pyarrow as pa

    if type_ == pa.month_day_nano_interval() or pa.types.is_union(type_):
        return False
    return all(_in_parquet(type_.field(place).type) for place in range(type_.num_fields))
