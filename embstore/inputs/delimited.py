"""Texts of tables with a header: values with commas between, or with tabs."""

import csv
from collections.abc import Iterable, Iterator
from typing import IO

from embstore.errors import CorpusError
from embstore.inputs.json_parquet import column_of, text_of
from embstore.inputs.utf8 import decoded

# Python's own limit on a value, 128 kB, is less than a long article.
_MAX_VALUE_CHARS = 256 << 20


def read_csv(stream: IO[bytes], field: str) -> Iterator[Iterable[str]]:
    """Yield the text of each row's column; empty texts are passed over.

    A value in quotes may hold commas, line ends and doubled quotes.

    Raises:
        CorpusError: there is no such column, or a row has more or fewer values than the
            header; names the row.
    """
    return _read(stream, field, ",")


def read_tsv(stream: IO[bytes], field: str) -> Iterator[Iterable[str]]:
    """Yield the text of each row's column, as ``read_csv`` does, with tabs between the values."""
    return _read(stream, field, "\t")


def _read(stream: IO[bytes], field: str, delimiter: str) -> Iterator[Iterable[str]]:
    csv.field_size_limit(_MAX_VALUE_CHARS)
    rows = csv.reader(_lines(decoded(stream)), delimiter=delimiter, strict=True)
    try:
        header = next(rows, [])
        column = header.index(column_of(header, field))
        for number, row in enumerate(rows, start=1):
            if not row:
                continue
            if len(row) != len(header):
                raise CorpusError(
                    f"row {number:,}, which ends in line {rows.line_num:,}, has {len(row)} values, "
                    f"but the header has {len(header)}; put values that hold {delimiter!r} or line "
                    "ends in quotes"
                )
            if text := text_of({field: row[column]}, field, f"row {number:,}"):
                yield (text,)
    except csv.Error as error:
        raise CorpusError(
            f"line {rows.line_num:,}: {error}; write the table again with quotes around its texts"
        ) from error


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    r"""Yield lines with the ``\n`` that ends them."""
    kept: list[str] = []
    for piece in pieces:
        *whole, rest = piece.split("\n")
        for line in whole:
            kept.append(line)
            yield "".join(kept) + "\n"
            kept.clear()
        kept.append(rest)
    if any(kept):
        yield "".join(kept)
