"""Texts of records that have fields: JSON lines, Parquet, and what a record's text is."""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from embstore.common.messages import listed, one_line
from embstore.errors import CorpusError
from embstore.inputs.utf8 import not_utf8, refuse_utf16

_CHUNK_BYTES = 1 << 20
_MAX_RECORD_BYTES = 256 << 20
# Rows decoded at a time. Web pages of 10 kB make that 3 MB beside Parquet's own page.
_N_ROWS = 256
_MAX_FIELDS_SHOWN = 12

_TYPE_NAMES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def read_json_lines(stream: IO[bytes], field: str) -> Iterator[Iterable[str]]:
    """Yield the text of each line's JSON object, a line at a time.

    Empty lines are passed over, and so are texts that are null, empty or white space.

    Raises:
        CorpusError: a line is longer than 256 MiB, is not UTF-8 or not a JSON object, or
            its field is missing or no string; names the line.
    """
    for number, line in _lines(stream):
        if line.isspace():
            continue
        where = f"line {number:,}"
        if text := text_of(_json_object(line, where), field, where):
            yield (text,)


def read_parquet(stream: IO[bytes], field: str) -> Iterator[Iterable[str]]:
    """Yield the text of each row, some rows at a time; null and empty texts are passed over.

    Raises:
        CorpusError: the file is damaged, or the column is missing or holds no text.
    """
    n_rows = 0
    try:
        # The buffer makes Arrow read a column page by page, not a whole row group at once.
        file = pq.ParquetFile(stream, buffer_size=_CHUNK_BYTES)
        names = cast("list[str]", file.schema_arrow.names)
        column = column_of(names, field)
        for batch in file.iter_batches(_N_ROWS, columns=[column]):
            for row in cast("list[object]", batch.to_pylist()):
                n_rows += 1
                if text := text_of(row, field, f"row {n_rows:,}"):
                    yield (text,)
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"column {field!r} is not UTF-8 text within the {_N_ROWS} rows after row {n_rows:,};"
            " write the column again as strings"
        ) from error
    except pa.ArrowException as error:
        raise CorpusError(
            f"cut short or damaged as .parquet ({one_line(error)}); fetch the file again"
        ) from error


def column_of(names: Iterable[str], field: str) -> str:
    """Return the column that holds ``field``: itself, or the one before its first dot.

    Raises:
        CorpusError: neither is there; lists the columns.
    """
    known = list(names)
    for name in (field, field.partition(".")[0]):
        if name in known:
            return name
    raise CorpusError(f"no column {field!r}; {_choice(known)}")


def text_of(record: object, field: str, where: str) -> str:
    r"""Return a record's text, stripped and with ``\n`` line ends; "" where it has none.

    A dot in ``field`` leads into a nested object, unless a field has that very name.

    Raises:
        CorpusError: the record is no object, the field is missing or holds no text.

    >>> text_of({"meta": {"text": " one\r\ntwo "}}, "meta.text", "line 1")
    'one\ntwo'
    """
    value = _value_of(record, field, where)
    if value is None:
        return ""
    if not isinstance(value, str):
        kind = _TYPE_NAMES.get(type(value), type(value).__name__)
        raise CorpusError(
            f"{where}: field {field!r} is {kind}, not text; name another as the text field"
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise CorpusError(
            f"{where}: field {field!r} holds half of a surrogate pair"
            f" (\\u{ord(value[error.start]):04x}), which no text can; repair or drop the record"
        ) from error
    return value.replace("\r\n", "\n").replace("\r", "\n").strip()


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    r"""Yield each line with its number, whether it ends in ``\n``, ``\r\n`` or ``\r``."""
    number = 1
    pieces: list[bytes] = []
    n_bytes = 0
    after_return = False
    while chunk := stream.read(_CHUNK_BYTES):
        if number == 1 and not pieces:
            chunk = _without_mark(chunk)
        if after_return:
            chunk = chunk.removeprefix(b"\n")
        after_return = chunk.endswith(b"\r")
        for piece in chunk.splitlines(keepends=True):
            pieces.append(piece)
            n_bytes += len(piece)
            if n_bytes > _MAX_RECORD_BYTES:
                raise CorpusError(
                    f"line {number:,} is longer than {_MAX_RECORD_BYTES >> 20} MiB; give one"
                    " record per line"
                )
            if piece.endswith((b"\n", b"\r")):
                yield number, b"".join(pieces)
                number += 1
                pieces.clear()
                n_bytes = 0
    if pieces:
        yield number, b"".join(pieces)


def _without_mark(chunk: bytes) -> bytes:
    refuse_utf16(chunk)
    return chunk.removeprefix(codecs.BOM_UTF8)


def _json_object(line: bytes, where: str) -> object:
    try:
        # Numbers are not wanted; as floats they may have any number of digits.
        return cast("object", json.loads(line.decode().rstrip("\r\n"), parse_int=float))
    except UnicodeDecodeError as error:
        raise CorpusError(f"{where}: {not_utf8(error, of=' of the line')}") from error
    except json.JSONDecodeError as error:
        found = f"{error.msg.removesuffix(' at')} at character {error.pos + 1:,}"
        raise CorpusError(f"{where}: not JSON ({found}); give one object per line") from error
    except RecursionError as error:
        raise CorpusError(f"{where}: JSON nested too deeply; drop the record") from error


def _value_of(record: object, field: str, where: str) -> object:
    if not isinstance(record, dict):
        kind = "null" if record is None else _TYPE_NAMES.get(type(record), type(record).__name__)
        raise CorpusError(f"{where}: {kind}, not an object with fields; give one object per line")
    if field in record:
        return cast("object", record[field])
    value: object = record
    for key in field.split("."):
        if value is None:
            return None
        if not isinstance(value, dict) or key not in value:
            raise CorpusError(f"{where}: no field {field!r}; {_choice(_fields(record))}")
        value = value[key]
    return value


def _fields(record: dict[str, object]) -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name


def _choice(names: Iterable[str]) -> str:
    known = [repr(name if len(name) <= 40 else f"{name[:39]}…") for name in names]
    if not known:
        return "it has none"
    return f"it has {listed(known, most=_MAX_FIELDS_SHOWN)}; name one of them as the text field"
