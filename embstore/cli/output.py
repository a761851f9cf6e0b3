"""Prints Arrow tables: for people on a terminal, for programs in a pipe."""

import csv
import io
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.cli.table import aligned, markdown
from embstore.errors import EmbstoreError, UsageError
from embstore.files import write_atomically

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("auto", "table", "csv", "tsv", "json", "jsonl", "md", "parquet")
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".md": "md",
    ".txt": "table",
    ".parquet": "parquet",
}


def choose_format(asked: str, output: Path | None) -> str:
    """Settle the format: what was asked, else the file's suffix, else the terminal.

    Raises:
        UsageError: no such format or suffix; names those there are.
    """
    if asked not in FORMATS:
        raise UsageError(f"format {asked!r} is unknown; expected {', '.join(FORMATS)}")
    if asked != "auto":
        chosen = asked
    elif output is None or output == Path("-"):
        chosen = "table" if sys.stdout.isatty() else "csv"
    else:
        suffix = output.suffix.lower()
        if suffix not in _SUFFIXES:
            found = f"suffix {suffix!r}" if suffix else "no suffix"
            raise UsageError(
                f"output file {str(output)!r} has {found}; expected {', '.join(_SUFFIXES)}, "
                "or give the format with -f"
            )
        chosen = _SUFFIXES[suffix]
    if chosen == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("parquet is not text for a terminal; name a file with -o")
    return chosen


def write_table(
    table: "pa.Table", format_: str, output: Path | None, *, upright: bool = False
) -> tuple[str, ...]:
    """Write a table to a file, whole or not at all, or to standard output.

    Args:
        table: what to write.
        format_: as ``choose_format`` gives it.
        output: a file; None or ``-`` for standard output.
        upright: show the rows as ``name value`` lines where people read them.

    Returns:
        The columns that did not fit the terminal, to be told to the reader.
    """
    if output is not None and output != Path("-"):
        write_atomically(output, render(table, format_, upright=upright)[0])
        return ()
    on_terminal = sys.stdout.isatty()
    width = _terminal_width() if on_terminal else None
    bold = on_terminal and not os.environ.get("NO_COLOR")
    content, hidden = render(table, format_, width=width, bold=bold, upright=upright)
    write_out(content)
    return hidden


def write_out(content: bytes) -> None:
    """Write to standard output; a reader who has left (``| head``) is no error."""
    try:
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.flush()
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            sys.stdout.write(content.decode())
    except BrokenPipeError:
        # Python flushes once more when it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        reason = (error.strerror or str(error)).lower()
        raise EmbstoreError(f"cannot write to standard output: {reason}") from error


def render(
    table: "pa.Table",
    format_: str,
    *,
    width: int | None = None,
    bold: bool = False,
    upright: bool = False,
) -> tuple[bytes, tuple[str, ...]]:
    """Return a table in one format, and the columns left out to fit ``width``."""
    hidden: tuple[str, ...] = ()
    if format_ == "parquet":
        return _parquet(table), hidden
    names = list(table.column_names)
    if format_ in {"json", "jsonl"}:
        text = _json(names, _rows(table), lines=format_ == "jsonl")
    elif format_ in {"csv", "tsv"}:
        text = _separated(names, _rows(table), "," if format_ == "csv" else "\t")
    elif format_ == "md":
        text = markdown(names, list(_rows(table)))
    else:
        text, hidden = aligned(names, list(_rows(table)), width=width, bold=bold, upright=upright)
    return text.encode(), hidden


def _rows(table: "pa.Table") -> Iterator[list[object]]:
    """Yield rows of plain Python values; by position, since names may repeat."""
    for batch in table.to_batches(max_chunksize=10_000):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield [_plain(value) for value in row]


def _plain(value: object) -> object:
    """Turn a value into what JSON has, losing nothing that a number can hold."""
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
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _separated(names: Sequence[str], rows: Iterator[list[object]], delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return json.dumps(_finite(value), ensure_ascii=False)
    return value


def _json(names: Sequence[str], rows: Iterator[list[object]], *, lines: bool) -> str:
    encoded = [
        json.dumps(_finite(dict(zip(names, row, strict=True))), ensure_ascii=False) for row in rows
    ]
    if lines:
        return "".join(f"{line}\n" for line in encoded)
    return "[" + ",".join(f"\n  {line}" for line in encoded) + ("\n]\n" if encoded else "]\n")


def _finite(value: object) -> object:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def _parquet(table: "pa.Table") -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
