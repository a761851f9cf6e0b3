"""Prints Arrow tables: for people on a terminal, for programs in a pipe."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.cli.terminal import TERMINAL
from embstore.common.files import write_atomically
from embstore.common.messages import unknown
from embstore.errors import EmbstoreError, UsageError
from embstore.tables.formats import as_json, as_parquet, as_separated, not_in_json
from embstore.tables.text import aligned, markdown
from embstore.tables.values import plain_rows

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("auto", "table", "upright", "csv", "tsv", "json", "jsonl", "md", "parquet")
_NAMED = 8
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
        UsageError: no such format or suffix; names those there are. Or the two
            contradict each other.
    """
    if asked.lower() not in FORMATS:
        raise UsageError(unknown("format", asked, FORMATS))
    asked = asked.lower()
    if asked != "auto":
        _refuse_contradiction(asked, output)
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


def _refuse_contradiction(asked: str, output: Path | None) -> None:
    """Refuse a file whose name says one format and which would hold another."""
    suffix = output.suffix.lower() if output is not None else ""
    says = _SUFFIXES.get(suffix)
    # A .txt may hold any of the text formats.
    if says is None or says == asked or (suffix == ".txt" and asked != "parquet"):
        return
    fitting = next((known for known, format_ in _SUFFIXES.items() if format_ == asked), ".txt")
    raise UsageError(
        f"-f {asked} contradicts the suffix of output file {str(output)!r}; leave -f out for "
        f"{says}, or end the name in {fitting}"
    )


def show_answer(
    table: "pa.Table",
    format_: str,
    output: Path | None,
    *,
    empty: str = "",
    upright: bool = False,
    notes: Sequence[str] = (),
) -> None:
    """Write the data to its place, and about it what a reader should know to stderr.

    Args:
        table: what to write.
        format_: as ``choose_format`` gives it.
        output: a file; None or ``-`` for standard output.
        empty: why there may be no rows.
        upright: show the rows as ``name value`` lines where people read them.
        notes: what to know before trusting the numbers.
    """
    hidden = write_table(table, format_, output, upright=upright)
    for note in notes:
        TERMINAL.say(f"note: {note}")
    if format_ in {"json", "jsonl"} and (nulled := not_in_json(table)):
        TERMINAL.say(f"note: NaN or infinity is null in JSON: {', '.join(nulled)}")
    if not table.num_rows:
        TERMINAL.say(f"no rows: {empty}")
    if hidden:
        names = ", ".join(hidden[:_NAMED]) + " …" * (len(hidden) > _NAMED)
        TERMINAL.say(
            f"{len(hidden)} more columns do not fit this terminal: {names}; "
            "see them with -f upright, -f csv or -o FILE"
        )
    if output is not None and output != Path("-"):
        TERMINAL.detail(f"wrote {output}")


def write_table(
    table: "pa.Table", format_: str, output: Path | None, *, upright: bool = False
) -> tuple[str, ...]:
    """Write a table to a file, whole or not at all, or to standard output.

    Args:
        table: what to write.
        format_: as ``choose_format`` gives it.
        output: a file; None or ``-`` for standard output.
        upright: show the rows as ``name value`` lines where people read them. A single
            row too wide for the terminal is shown so anyway.

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


def write_out(content: bytes, output: Path | None = None) -> None:
    """Write to a file, whole or not at all, or to standard output.

    A reader of standard output who has left (``| head``) is no error.
    """
    if output is not None and output != Path("-"):
        write_atomically(output, content)
        return
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
    if format_ == "parquet":
        return as_parquet(table), ()
    if format_ in {"json", "jsonl"}:
        return as_json(table, lines=format_ == "jsonl"), ()
    if format_ in {"csv", "tsv"}:
        return as_separated(table, "," if format_ == "csv" else "\t"), ()
    names, rows = list(table.column_names), list(plain_rows(table))
    if format_ == "md":
        return markdown(names, rows).encode(), ()
    upright = upright or format_ == "upright"
    text, hidden = aligned(names, rows, width=width, bold=bold, upright=upright)
    if hidden and len(rows) == 1:
        text, hidden = aligned(names, rows, width=width, bold=bold, upright=True)
    return text.encode(), hidden


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
