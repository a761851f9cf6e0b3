"""Numbers as text in columns: .csv, .tsv and plain .txt, to an Arrow table of named columns."""

import re
from collections.abc import Sequence
from csv import reader as read_rows
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from embstore.errors import MeasurementError
from embstore.inputs.vectors.number_text import is_number

# What Arrow takes at once.
_LARGEST_BLOCK = 1 << 30


@dataclass(frozen=True)
class _Layout:
    """How a text's columns stand: what is between them, which comma, and a first line of names."""

    delimiter: str
    decimal: str
    names: list[str] | None


def read_separated(content: bytes, *, delimiter: str | None = None) -> pa.Table:
    """Read columns of text; without a first line of names they are called 1, 2, 3.

    A column whose name is empty is called ``Unnamed: 0`` after its place, as pandas does.

    Comma, semicolon (also with decimal commas), tab and spaces may stand between columns;
    lines that begin with # at the top are passed over.

    Args:
        content: UTF-8.
        delimiter: what stands between columns; None to find out.

    Raises:
        MeasurementError: no rows, or two columns of one name.
        pa.ArrowInvalid: a line has too few columns or too many; names it.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    while content.startswith(b"#") and b"\n" in content:
        content = content.split(b"\n", 1)[1]
    head = [line for line in content[:1_000_000].splitlines()[:3] if line.strip()]
    if not head:
        raise MeasurementError("no rows in it")
    layout = _layout([line.decode() for line in head], delimiter)
    if layout.delimiter == " ":
        content = b"\n".join(b" ".join(line.split()) for line in content.splitlines())
    table = csv.read_csv(
        pa.BufferReader(content),
        # Types are told from a block: one that holds all.
        csv.ReadOptions(
            block_size=min(max(len(content), 1), _LARGEST_BLOCK),
            autogenerate_column_names=layout.names is None,
        ),
        csv.ParseOptions(delimiter=layout.delimiter),
        csv.ConvertOptions(decimal_point=layout.decimal),
    )
    if layout.names is None:
        return table.rename_columns([str(place + 1) for place in range(table.num_columns)])
    names = [name or f"Unnamed: {place}" for place, name in enumerate(table.column_names)]
    if len(set(names)) < len(names):
        twice = max(names, key=names.count)
        raise MeasurementError(f"two columns are called {twice!r}; give each a name of its own")
    return table.rename_columns(names)


def read_label_lines(lines: Sequence[str], delimiter: str | None) -> NDArray[np.object_]:
    """Return the label in each line; None where a line is empty.

    Args:
        lines: one label each; a first line of text above nothing but numbers is a name.
        delimiter: what would stand between columns; None if a line is a label whole.

    Raises:
        MeasurementError: there are several columns.
    """
    labels = list(lines)
    if delimiter is not None:
        rows = list(read_rows(lines, delimiter=delimiter))
        if most := max((len(row) for row in rows if len(row) > 1), default=0):
            raise MeasurementError(f"it has {most:,} columns; give one label a line")
        labels = ["".join(row) for row in rows]
        if labels and not is_number(labels[0]) and all(map(is_number, labels[1:])):
            labels = labels[1:]
    return np.array([label.strip() or None for label in labels], dtype=object)


def _layout(head: list[str], delimiter: str | None) -> _Layout:
    last = head[-1]
    if delimiter is None:
        delimiter = next((mark for mark in (";", "\t", ",") if mark in last), " ")
        if delimiter == " " and " " not in last.strip():
            # One column.
            delimiter = ","
    cells = _cells(last, delimiter)
    decimal = ","
    if delimiter == "," or not any(re.fullmatch(r"-?\d*,\d+(e-?\d+)?", cell) for cell in cells):
        decimal = "."
    names = _cells(head[0], delimiter)
    return _Layout(delimiter, decimal, names if _is_header(names, decimal) else None)


def _cells(line: str, delimiter: str) -> list[str]:
    cells = line.split() if delimiter == " " else line.split(delimiter)
    return [cell.strip().strip('"') for cell in cells]


def _is_header(cells: list[str], decimal: str) -> bool:
    """Tell whether a first line has names: any that is no number, or 0, 1, 2 and so on.

    pandas calls columns by their places, behind an empty name for the index.
    """
    numbered = [cell for cell in cells if cell]
    if len(numbered) > 1 and numbered == [str(place) for place in range(len(numbered))]:
        return True
    return any(not is_number(cell.replace(decimal, ".")) for cell in cells if cell)
