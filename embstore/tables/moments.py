"""Writes dates and times as text, and tells which of them Python has no place for.

DuckDB has years from 5,877,642 before Christ to 5,881,580, infinity and 24 o'clock; Python has
the years 1 to 9999, and Arrow writes those up to 32767.
"""

from datetime import date
from typing import TYPE_CHECKING

from embstore.tables.scalars import text, texts, whole

if TYPE_CHECKING:
    import pyarrow as pa

_UTC_NAMES = {"UTC", "Etc/UTC"}
# How many of a unit a second has, and a day of seconds.
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
# The calendar is the same again after so many years, and so many days.
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097


def is_moment(type_: "pa.DataType") -> bool:
    """Tell whether a type is of dates, times or both."""
    import pyarrow as pa

    kind = pa.types
    return bool(kind.is_date(type_) or kind.is_timestamp(type_) or kind.is_time(type_))


def beyond_python(array: "pa.Array") -> bool:
    """Tell whether an array has a moment that Python's dates and times cannot hold."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.types
    type_ = array.type
    if is_moment(type_):
        return bool(pc.any(_outside(array)).as_py()) or _has_nanoseconds(array)
    if kind.is_map(type_):
        return beyond_python(array.keys) or beyond_python(array.items)
    if kind.is_list(type_) or kind.is_large_list(type_) or kind.is_fixed_size_list(type_):
        return beyond_python(array.flatten())
    if kind.is_struct(type_):
        return any(beyond_python(field) for field in array.flatten())
    return False


def moments(array: "pa.Array") -> "pa.Array":
    """Write dates and times as ISO 8601 does, infinity and 24 o'clock included.

    Years are DuckDB's: those after 9999 have more digits, those before the year 1 are marked, as
    in ``0044-03-15 (BC)``. DuckDB reads all of it.
    """
    import pyarrow as pa

    type_ = array.type
    zone = type_.tz if pa.types.is_timestamp(type_) else None
    if zone is not None and zone not in _UTC_NAMES and not beyond_python(array):
        return texts([None if value is None else value.isoformat() for value in array.to_pylist()])
    # Each once: most come again and again.
    different = array.dictionary_encode()
    return _different_moments(different.dictionary).take(different.indices)


def _different_moments(array: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = ""
    local = array
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        local, zone = array.view(pa.timestamp(array.type.unit)), "+00:00"
    found = pc.replace_substring(local.cast(pa.string()), " ", "T")
    # As Python writes it: no fraction that is 0.
    found = pc.replace_substring_regex(found, r"\.0+$", "")
    if zone:
        found = pc.binary_join_element_wise(found, text(zone), text(""))
    outside = _outside(array)
    numbers = _whole_numbers(array).filter(outside).to_pylist()
    if not numbers:
        return found
    known = _special(array.type)
    written = [known.get(number) or _far(number, array.type) + zone for number in numbers]
    return pc.replace_with_mask(found, outside, texts(written))


def _special(type_: "pa.DataType") -> dict[int, str]:
    """Return the numbers of a type that stand for no moment of a calendar or clock."""
    import pyarrow as pa

    if pa.types.is_time(type_):
        return {_of_a_day(type_): "24:00:00"}
    top = 2 ** (type_.bit_width - 1) - 1
    return {top: "infinity", -top: "-infinity"}


def _far(number: int, type_: "pa.DataType") -> str:
    """Write a date, or a date with its time, of any year."""
    import pyarrow as pa

    days, rest = divmod(number, _of_a_day(type_))
    cycles, day_of_cycle = divmod(days + _EPOCH - 1, _CYCLE_DAYS)
    day = date.fromordinal(day_of_cycle + 1)
    year = day.year + cycles * _CYCLE_YEARS
    written = f"{year if year > 0 else 1 - year:04d}-{day:%m-%d}" + " (BC)" * (year < 1)
    if pa.types.is_date(type_):
        return written
    unit = _UNITS[type_.unit]
    seconds, fraction = divmod(rest, unit)
    minutes, seconds = divmod(seconds, 60)
    time = f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    # As many digits as the unit has zeros.
    decimals = f".{fraction + unit}".replace(".1", ".", 1) if fraction else ""
    return f"{written}{'T' if year > 0 else ' '}{time}{decimals}"


def _outside(array: "pa.Array") -> "pa.Array":
    """Tell of each moment of an array whether Python has no place for it, fractions aside."""
    import pyarrow.compute as pc

    numbers = _whole_numbers(array)
    least, most = (whole(number, numbers.type) for number in _held(array.type))
    return pc.or_(pc.less(numbers, least), pc.greater(numbers, most))


def _held(type_: "pa.DataType") -> tuple[int, int]:
    """Return the least and the largest number of a type that Python has a moment for."""
    import pyarrow as pa

    day = _of_a_day(type_)
    if pa.types.is_time(type_):
        return 0, day - 1
    first, last = (limit.toordinal() - _EPOCH for limit in (date.min, date.max))
    # All that 64 bits of nanoseconds hold is within Python's years, infinity too.
    top = 2 ** (type_.bit_width - 1) - 1
    return max(first * day, 1 - top), min((last + 1) * day - 1, top - 1)


def _of_a_day(type_: "pa.DataType") -> int:
    """Return how many of what a type counts a day has."""
    import pyarrow as pa

    if pa.types.is_date(type_):
        return 1 if type_.bit_width == 32 else _DAY * _UNITS["ms"]
    return _DAY * _UNITS[type_.unit]


def _has_nanoseconds(array: "pa.Array") -> bool:
    """Tell whether a moment is finer than the microseconds that Python counts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(array.type) or array.type.unit != "ns":
        return False
    numbers = _whole_numbers(array)
    thousand = whole(1000, numbers.type)
    coarse = pc.multiply(pc.divide(numbers, thousand), thousand)
    return bool(pc.any(pc.not_equal(numbers, coarse)).as_py())


def _whole_numbers(array: "pa.Array") -> "pa.Array":
    """Return moments as the numbers that they are stored as."""
    import pyarrow as pa

    return array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
