"""Writes Arrow columns as text, whole columns at a time.

A million rows of thirty columns take seconds so; with a Python value for each they take a
minute.
"""

import json
import re
from typing import TYPE_CHECKING

from embstore.tables.moments import is_moment, moments
from embstore.tables.scalars import text, texts
from embstore.tables.values import plain_values

if TYPE_CHECKING:
    import pyarrow as pa

_IN_JSON = re.compile(rb'[\x00-\x1f"\\]')


def separated(array: "pa.Array", delimiter: str) -> "pa.Array":
    """Return a column as csv has it: numbers in full, text quoted where it must be."""
    import pyarrow as pa

    kind = pa.types
    type_ = array.type
    if kind.is_floating(type_):
        return _floats(array)
    if kind.is_null(type_) or kind.is_boolean(type_) or kind.is_integer(type_):
        return array.cast(pa.string())
    if is_moment(type_):
        return moments(array)
    if not kind.is_string(type_):
        array = texts([_cell(value) for value in plain_values(array)])
    return _quoted(array, delimiter)


def in_json(array: "pa.Array") -> "pa.Array":
    """Return a column as JSON has it, with ``null`` for what is missing or is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.types
    type_ = array.type
    if kind.is_floating(type_):
        written = pc.if_else(pc.is_finite(array), _floats(array), text(None))
    elif kind.is_null(type_) or kind.is_boolean(type_) or kind.is_integer(type_):
        written = array.cast(pa.string())
    elif is_moment(type_):
        written = pc.binary_join_element_wise(text('"'), moments(array), text('"'), text(""))
    elif kind.is_string(type_) and not _IN_JSON.search(_bytes_of(array)):
        written = pc.binary_join_element_wise(text('"'), array, text('"'), text(""))
    else:
        values = plain_values(array)
        written = texts([None if value is None else json_text(value) for value in values])
    return pc.fill_null(written, text("null"))


def json_text(value: object) -> str:
    """Return a plain value as JSON, in which NaN and infinity are null."""
    return json.dumps(_finite(value), ensure_ascii=False)


def joined(columns: "list[pa.Array]", delimiter: str) -> bytes:
    """Return a line per row, with a delimiter between its columns; NULL is empty."""
    import pyarrow.compute as pc

    *others, last = columns
    ended = pc.binary_join_element_wise(last, text("\n"), text(""), null_handling="replace")
    return _bytes_of(
        pc.binary_join_element_wise(*others, ended, text(delimiter), null_handling="replace")
    )


def lines(columns: "list[pa.Array]", parts: list[str]) -> bytes:
    """Return rows of columns, with ``parts`` before, between and after them."""
    import pyarrow.compute as pc

    pieces: list[object] = [text(parts[0])]
    for column, part in zip(columns, parts[1:], strict=True):
        pieces += [column, text(part)]
    return _bytes_of(pc.binary_join_element_wise(*pieces, text("")))


def _floats(array: "pa.Array") -> "pa.Array":
    """Write floats with as many digits as tell them apart, and as floats: 1.0, not 1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # A float of 32 bits as the number that it is, as everywhere else.
    texts = array.cast(pa.float64()).cast(pa.string())
    return pc.replace_substring_regex(texts, r"^(-?[0-9]+)$", r"\1.0")


def _quoted(array: "pa.Array", delimiter: str) -> "pa.Array":
    import pyarrow.compute as pc

    content = _bytes_of(array)
    special = f'"{delimiter}\r\n'
    if not any(mark in content for mark in (bytes([code]) for code in special.encode())):
        return array
    doubled = pc.replace_substring(array, '"', '""')
    quoted = pc.binary_join_element_wise(text('"'), doubled, text('"'), text(""))
    return pc.if_else(pc.match_substring_regex(array, f"[{special}]"), quoted, array)


def _bytes_of(array: "pa.Array") -> bytes:
    """Return all the texts of a column, one behind the other."""
    _validity, offsets, content = array.buffers()
    if content is None or not len(array):
        return b""
    ends = memoryview(offsets).cast("i")
    return bytes(memoryview(content)[ends[array.offset] : ends[array.offset + len(array)]])


def _cell(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return json_text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _finite(value: object) -> object:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
