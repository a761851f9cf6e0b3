"""Reads an Arrow table as rows of what JSON and a table for people can hold.

Columns are converted whole, by their type: a million rows take seconds where value by value
they would take minutes.
"""

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from embstore.common.names import distinct
from embstore.tables.moments import beyond_python, is_moment, moments

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 10_000
_BATCH_BYTES = 16 * 2**20


def plain_rows(table: "pa.Table") -> Iterator[list[object]]:
    """Yield rows of plain Python values; by position, since names may repeat."""
    for columns in plain_batches(table):
        yield from map(list, zip(*columns, strict=True))


def plain_batches(table: "pa.Table") -> Iterator[list[list[object]]]:
    """Yield the columns of some thousand rows at a time, as plain Python values."""
    for batch in batches(table):
        yield [plain_values(column) for column in batch.columns]


def batches(table: "pa.Table") -> "Iterator[pa.RecordBatch]":
    """Yield some thousand rows at a time, fewer where they are long."""
    for large in table.to_batches(max_chunksize=_BATCH_ROWS):
        rows = max(1, large.num_rows * _BATCH_BYTES // max(large.nbytes, _BATCH_BYTES))
        for start in range(0, large.num_rows, rows):
            yield large.slice(start, rows)


def plain(value: object) -> object:
    """Turn a value into what JSON has, losing nothing that a number can hold.

    >>> from decimal import Decimal
    >>> plain(Decimal(2**70)) == 2**70
    True
    """
    if value is None or isinstance(value, bool | int | str | float):
        return value
    if isinstance(value, Decimal):
        # DuckDB's sums of integers arrive as decimals without a fraction.
        if value == value.to_integral_value():
            return int(value)
        number = float(value)
        return number if Decimal(repr(number)) == value else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if hasattr(value, "nanoseconds") and isinstance(value, tuple):
        return _duration(*value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def plain_values(array: "pa.Array") -> list[object]:
    """Return an Arrow array's values as JSON can hold them: text where it has no type."""
    import pyarrow as pa

    kind = pa.types
    type_ = array.type
    if _needs_nothing(type_):
        return list(array.to_pylist())
    if isinstance(type_, pa.BaseExtensionType):
        return plain_values(array.storage)
    if kind.is_dictionary(type_):
        return plain_values(array.dictionary_decode())
    if is_moment(type_):
        return list(moments(array).to_pylist())
    if kind.is_map(type_):
        return _mappings(array)
    if kind.is_list(type_) or kind.is_large_list(type_) or kind.is_fixed_size_list(type_):
        return _lists(array)
    if kind.is_struct(type_):
        return _structs(array)
    return [plain(value) for value in array.to_pylist()]


def python_values(array: "pa.Array") -> list[object]:
    """Return an Arrow array's values as Python's own types: text where it has none.

    The year 20000, DuckDB's infinity and 24 o'clock have no place in Python's dates and times.
    """
    if not beyond_python(array):
        try:
            return list(array.to_pylist())
        except ValueError:
            # A struct whose fields are called alike.
            pass
    return plain_values(array)


def _needs_nothing(type_: "pa.DataType") -> bool:
    """Tell whether Arrow gives values of a type as JSON has them."""
    import pyarrow as pa

    kind = pa.types
    if kind.is_list(type_) or kind.is_large_list(type_) or kind.is_fixed_size_list(type_):
        return _needs_nothing(type_.value_type)
    return bool(
        kind.is_null(type_)
        or kind.is_boolean(type_)
        or kind.is_integer(type_)
        or kind.is_floating(type_)
        or kind.is_string(type_)
        or kind.is_large_string(type_)
    )


def _lists(array: "pa.Array") -> list[object]:
    import pyarrow.compute as pc

    values = plain_values(array.flatten())
    lists: list[object] = []
    at = 0
    for length in pc.list_value_length(array).to_pylist():
        lists.append(None if length is None else values[at : at + length])
        at += length or 0
    return lists


def _mappings(array: "pa.Array") -> list[object]:
    """Return maps as dictionaries, whose keys are text as in JSON."""
    ends = array.offsets.to_pylist()
    first, length = ends[0], ends[-1] - ends[0]
    keys = [_key(key) for key in plain_values(array.keys.slice(first, length))]
    values = plain_values(array.items.slice(first, length))
    valid = array.is_valid().to_pylist()
    return [
        dict(zip(keys[a - first : b - first], values[a - first : b - first], strict=True))
        if there
        else None
        for (a, b), there in zip(pairwise(ends), valid, strict=True)
    ]


def _key(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _structs(array: "pa.Array") -> list[object]:
    type_ = array.type
    names = distinct([type_.field(i).name or str(i + 1) for i in range(type_.num_fields)])
    fields = [plain_values(field) for field in array.flatten()]
    valid = array.is_valid().to_pylist()
    rows = zip(*fields, strict=True) if fields else ((),) * len(valid)
    return [
        dict(zip(names, row, strict=True)) if there else None
        for row, there in zip(rows, valid, strict=True)
    ]


def _duration(months: int, days: int, nanoseconds: int) -> str:
    """Write DuckDB's INTERVAL as ISO 8601 does.

    >>> _duration(1, 2, 3_500_000_000)
    'P1M2DT3.5S'
    """
    whole, rest = divmod(abs(nanoseconds), 1_000_000_000)
    seconds = f"{'-' * (nanoseconds < 0)}{whole}" + f".{rest:09d}".rstrip("0").rstrip(".")
    parts = [f"{months}M" * bool(months), f"{days}D" * bool(days)]
    parts.append(f"T{seconds}S" * bool(nanoseconds))
    return f"P{''.join(parts) or 'T0S'}"
