"""Reads an Arrow table as rows of what JSON and a table for people can hold."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


_UTC_NAMES = {"UTC", "Etc/UTC"}


def plain_rows(table: "pa.Table") -> Iterator[list[object]]:
    """Yield rows of plain Python values; by position, since names may repeat."""
    for batch in table.to_batches(max_chunksize=10_000):
        columns = [_values(column) for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield [plain(value) for value in row]


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
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "nanoseconds") and isinstance(value, tuple):
        return _duration(*value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _values(column: "pa.Array") -> list[object]:
    """Take a column's values; a moment that Python cannot hold, as text."""
    import pyarrow as pa

    if pa.types.is_map(column.type):
        return [None if pairs is None else dict(pairs) for pairs in column.to_pylist()]
    if not (pa.types.is_timestamp(column.type) and column.type.unit == "ns"):
        try:
            if pa.types.is_timestamp(column.type) and column.type.tz in _UTC_NAMES:
                # For a time zone Arrow imports pandas, if it is there: a quarter second.
                bare = column.view(pa.timestamp(column.type.unit)).to_pylist()
                return [None if moment is None else moment.replace(tzinfo=UTC) for moment in bare]
            return list(column.to_pylist())
        except (OverflowError, ValueError):
            # The year 20000, 44 BC, or DuckDB's infinity.
            pass
    texts = column.cast(pa.string()).to_pylist()
    return [None if text is None else _moment(str(text)) for text in texts]


def _moment(text: str) -> str:
    if text.startswith("<value out of range"):
        return "-infinity" if ": -" in text else "infinity"
    return text.replace(" ", "T")


def _duration(months: int, days: int, nanoseconds: int) -> str:
    """Write DuckDB's INTERVAL as ISO 8601 does.

    >>> _duration(1, 2, 3_500_000_000)
    'P1M2DT3.5S'
    """
    seconds = f"{nanoseconds / 1e9:.9f}".rstrip("0").rstrip(".")
    parts = [f"{months}M" * bool(months), f"{days}D" * bool(days)]
    parts.append(f"T{seconds}S" * bool(nanoseconds))
    return f"P{''.join(parts) or 'T0S'}"
