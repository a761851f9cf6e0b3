"""Prints Arrow tables: for people on a terminal, for programs in a pipe."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from embstore.cli.streams import give_up_output
from embstore.cli.terminal import TERMINAL
from embstore.common.files import whole_file, write_atomically
from embstore.common.messages import counted, unknown
from embstore.errors import EmbstoreError, UsageError
from embstore.tables.formats import not_in_json, write_json, write_parquet, write_separated
from embstore.tables.glance import Glance
from embstore.tables.looks import Chunks
from embstore.tables.text import aligned_blocks, markdown_blocks
from embstore.tables.values import plain_batches

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("auto", "table", "upright", "csv", "tsv", "json", "jsonl", "md", "parquet")
_NAMED = 8
_KEPT_ROWS = 10_000
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
    at_a_glance: Callable[[int], Glance] | None = None,
    for_people: bool = False,
) -> None:
    """Write the data to its place, and about it what a reader should know to stderr.

    Args:
        table: what to write.
        format_: as ``choose_format`` gives it.
        output: a file; None or ``-`` for standard output.
        empty: why there may be no rows.
        upright: show the rows as ``name value`` lines where people read them.
        notes: what to know before trusting the numbers.
        at_a_glance: gives for the width of a terminal what is shown there of the table, and
            the lines above.
        for_people: lay a table out as on a terminal, also in a pipe.
    """
    read_at_once = format_ == "table" and (for_people or _goes_to_a_terminal(output))
    keep: tuple[str, ...] = ()
    if at_a_glance and read_at_once and table.num_rows:
        table, above, keep = at_a_glance(_terminal_width())
        if above:
            write_out("\n".join((*above, "", "")).encode())
    hidden: tuple[str, ...] = ()
    # Names of columns above nothing tell a reader nothing.
    if table.num_rows or not read_at_once:
        hidden = write_table(
            table, format_, output, upright=upright, keep=keep, for_people=for_people
        )
    for note in notes:
        TERMINAL.say(f"note: {note}")
    if format_ in {"json", "jsonl"} and (nulled := not_in_json(table)):
        TERMINAL.say(f"note: NaN or infinity is null in JSON: {', '.join(nulled)}")
    if not table.num_rows:
        TERMINAL.say(f"no rows: {empty}")
    if hidden:
        names = ", ".join(hidden[:_NAMED]) + " …" * (len(hidden) > _NAMED)
        TERMINAL.say(
            f"{counted(len(hidden), 'more column')} {'does' if len(hidden) == 1 else 'do'} not "
            f"fit this terminal: {names}; see {'it' if len(hidden) == 1 else 'them'} with "
            "-f upright, -f csv or -o FILE"
        )
    if output is not None and output != Path("-"):
        TERMINAL.detail(f"wrote {output}")


def write_table(
    table: "pa.Table",
    format_: str,
    output: Path | None,
    *,
    upright: bool = False,
    keep: Collection[str] = (),
    for_people: bool = False,
) -> tuple[str, ...]:
    """Write a table to a file, whole or not at all, or to standard output.

    Args:
        table: what to write.
        format_: as ``choose_format`` gives it.
        output: a file; None or ``-`` for standard output.
        upright: show the rows as ``name value`` lines where people read them. A single
            row too wide for the terminal is shown so anyway.
        keep: columns that a terminal shows however narrow it is.
        for_people: make lines as long as those of a terminal, also in a pipe.

    Returns:
        The columns that did not fit the terminal, to be told to the reader.
    """
    if output is not None and output != Path("-"):
        with whole_file(output) as file:
            render(table, format_, file, upright=upright)
        return ()
    on_terminal = _goes_to_a_terminal(output)
    width = _terminal_width() if on_terminal or for_people else None
    bold = on_terminal and not os.environ.get("NO_COLOR")
    with standard_output() as out:
        return render(table, format_, out, width=width, bold=bold, upright=upright, keep=keep)


def write_out(content: bytes, output: Path | None = None) -> None:
    """Write to a file, whole or not at all, or to standard output."""
    if output is not None and output != Path("-"):
        write_atomically(output, content)
        return
    with standard_output() as out:
        out.write(content)


@contextlib.contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Give standard output, for bytes; a reader who has left (``| head``) is no error.

    Raises:
        EmbstoreError: it cannot be written to.
    """
    try:
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.flush()
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:
            content = io.BytesIO()
            yield content
            sys.stdout.write(content.getvalue().decode())
    except BrokenPipeError:
        # Python flushes once more when it exits, and would complain.
        give_up_output()
    except OSError as error:
        give_up_output()
        reason = (error.strerror or str(error)).lower()
        raise EmbstoreError(f"cannot write to standard output: {reason}") from error


def render(
    table: "pa.Table",
    format_: str,
    sink: BinaryIO,
    *,
    width: int | None = None,
    bold: bool = False,
    upright: bool = False,
    keep: Collection[str] = (),
) -> tuple[str, ...]:
    """Write a table in one format, some rows at a time; return the columns left out.

    Args:
        table: what to write.
        format_: as ``choose_format`` gives it.
        sink: what takes the bytes.
        width: characters that a line of a table may have.
        bold: set the names of its columns in bold.
        upright: show a table's rows as ``name value`` lines.
        keep: columns that are shown however narrow a line is.
    """
    if format_ == "parquet":
        write_parquet(table, sink)
    elif format_ in {"json", "jsonl"}:
        write_json(table, sink, as_lines=format_ == "jsonl")
    elif format_ in {"csv", "tsv"}:
        write_separated(table, sink, "," if format_ == "csv" else "\t")
    else:
        names, chunks = list(table.column_names), _chunks(table)
        hidden: tuple[str, ...] = ()
        if format_ == "md":
            blocks = markdown_blocks(names, chunks)
        else:
            upright = upright or format_ == "upright"
            blocks, hidden = aligned_blocks(
                names, chunks, width=width, keep=keep, bold=bold, upright=upright
            )
            if hidden and table.num_rows == 1:
                blocks, hidden = aligned_blocks(names, chunks, width=width, bold=bold, upright=True)
        for block in blocks:
            sink.write(block.encode())
        return hidden
    return ()


def _chunks(table: "pa.Table") -> Chunks:
    """Give the columns of a table some rows at a time; a small one is converted only once."""
    if table.num_rows > _KEPT_ROWS:
        return lambda: plain_batches(table)
    kept = list(plain_batches(table))
    return lambda: kept


def _goes_to_a_terminal(output: Path | None) -> bool:
    return (output is None or output == Path("-")) and sys.stdout.isatty()


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
