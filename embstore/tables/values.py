"""Reads an Arrow table as rows of what JSON and a table for people can hold.

Columns are converted whole, by their type: a million rows take seconds where value by value
they would take minutes.
"""

import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from embstore.common.names import distinct

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 10_000
_BATCH_BYTES = 16 * 2**20
_UTC_NAMES = {"UTC", "Etc/UTC"}
# How many of a unit a second has, and a day of seconds.
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY = 86_400


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
    if kind.is_date(type_) or kind.is_timestamp(type_) or kind.is_time(type_):
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


def beyond_python(array: "pa.Array") -> bool:
    """Tell whether an array has a moment that Python's dates and times cannot hold."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.types
    type_ = array.type
    if kind.is_date(type_) or kind.is_timestamp(type_) or kind.is_time(type_):
        least, most = _held(type_)
        found = pc.min_max(_whole_numbers(array)).as_py()
        if found["min"] is None:
            return False
        return bool(found["min"] < least or found["max"] > most) or _has_nanoseconds(array)
    if kind.is_map(type_):
        return beyond_python(array.keys) or beyond_python(array.items)
    if kind.is_list(type_) or kind.is_large_list(type_) or kind.is_fixed_size_list(type_):
        return beyond_python(array.flatten())
    if kind.is_struct(type_):
        return any(beyond_python(field) for field in array.flatten())
    return False


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


def _whole_numbers(array: "pa.Array") -> "pa.Array":
    """Return moments as the numbers that they are stored as."""
    import pyarrow as pa

    return array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())


def _held(type_: "pa.DataType") -> tuple[int, int]:
    """Return the least and the largest number of a type that Python has a moment for."""
    import pyarrow as pa

    if pa.types.is_time(type_):
        return 0, _DAY * _UNITS[type_.unit] - 1
    first, last = date.min.toordinal(), date.max.toordinal()
    epoch = date(1970, 1, 1).toordinal()
    if pa.types.is_date(type_):
        days = 1 if type_.bit_width == 32 else _DAY * 1000
        return (first - epoch) * days, (last - epoch) * days
    second = _UNITS[type_.unit]
    # All that 64 bits of nanoseconds hold is within Python's years, infinity too.
    return (
        max((first - epoch) * _DAY * second, 2 - 2**63),
        min((last + 1 - epoch) * _DAY * second - 1, 2**63 - 2),
    )


def _has_nanoseconds(array: "pa.Array") -> bool:
    """Tell whether a moment is finer than the microseconds that Python counts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(array.type) or array.type.unit != "ns":
        return False
    numbers = _whole_numbers(array)
    thousand = _whole(1000, numbers.type)
    coarse = pc.multiply(pc.divide(numbers, thousand), thousand)
    return bool(pc.any(pc.not_equal(numbers, coarse)).as_py())


def moments(array: "pa.Array") -> "pa.Array":
    """Write dates and times as ISO 8601 does, infinity and 24 o'clock included."""
    import pyarrow as pa

    type_ = array.type
    if pa.types.is_timestamp(type_) and type_.tz is not None and type_.tz not in _UTC_NAMES:
        return pa.array([plain(value) for value in array.to_pylist()], pa.string())
    # Each once: most come again and again.
    different = array.dictionary_encode()
    return _different_moments(different.dictionary).take(different.indices)


def text(value: str | None) -> "pa.Scalar":
    """Return a text for Arrow to compute with, which imports pandas for a text of Python's."""
    import pyarrow as pa

    if value is None:
        return pa.nulls(1, pa.string())[0]
    content = value.encode()
    ends = b"".join(end.to_bytes(4, sys.byteorder) for end in (0, len(content)))
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.string(), 1, buffers)[0]


def _whole(number: int, type_: "pa.DataType") -> "pa.Scalar":
    """Return a number for Arrow to compute with, for the same reason."""
    import pyarrow as pa

    content = number.to_bytes(type_.bit_width // 8, sys.byteorder, signed=True)
    return pa.Array.from_buffers(type_, 1, [None, pa.py_buffer(content)])[0]


def _different_moments(array: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = ""
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        array, zone = array.view(pa.timestamp(array.type.unit)), "+00:00"
    texts = pc.replace_substring(array.cast(pa.string()), " ", "T")
    # As Python writes it: no fraction that is 0.
    texts = pc.replace_substring_regex(texts, r"\.0+$", "")
    if zone:
        texts = pc.binary_join_element_wise(texts, text(zone), text(""))
    numbers = _whole_numbers(array)
    top = 2 ** (array.type.bit_width - 1) - 1
    if pa.types.is_time(array.type):
        special = {_DAY * _UNITS[array.type.unit]: "24:00:00"}
    else:
        special = {top: "infinity", -top: "-infinity"}
    for number, word in special.items():
        found = pc.equal(numbers, _whole(number, numbers.type))
        texts = pc.if_else(found, text(word), texts)
    return texts


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
