"""Texts of a ``.json`` file: one array of records, or a record per line."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import IO, cast

from embstore.errors import CorpusError
from embstore.inputs.json_parquet import read_json_lines, text_of
from embstore.inputs.utf8 import decoded

_MAX_RECORD_CHARS = 256 << 20
_MARK = re.compile(r"\S")
_DECODER = json.JSONDecoder(parse_int=float)


def read_json(stream: IO[bytes], field: str) -> Iterator[Iterable[str]]:
    """Yield the text of each record, whichever way the file holds them.

    Raises:
        CorpusError: it is neither, or a record has no such field; names the record or line.
    """
    begun = _Begun(stream)
    if begun.first == b"[":
        return _read_array(cast("IO[bytes]", begun), field)
    return read_json_lines(cast("IO[bytes]", begun), field)


class _Begun:
    """A stream of which the beginning was looked at."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._looked_at = b""
        while not self._said and (piece := stream.read(1 << 12)):
            self._looked_at += piece
        self.first = self._said[:1]

    @property
    def _said(self) -> bytes:
        return self._looked_at.removeprefix(codecs.BOM_UTF8).lstrip()

    def read(self, n_bytes: int) -> bytes:
        if self._looked_at:
            piece, self._looked_at = self._looked_at[:n_bytes], self._looked_at[n_bytes:]
            return piece
        return self._stream.read(n_bytes)


def _read_array(stream: IO[bytes], field: str) -> Iterator[Iterable[str]]:
    text = _Text(decoded(stream))
    text.take("[")
    number = 0
    while (mark := text.next_mark()) != "]":
        if number:
            text.take(",")
        elif mark == "":
            break
        number += 1
        where = f"record {number:,}"
        if found := text_of(text.take_value(where), field, where):
            yield (found,)
    text.take("]")
    if mark := text.next_mark():
        raise CorpusError(f"{mark!r} stands behind the array; give one array, or a record per line")


class _Text:
    """JSON that is read as far as needed."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._kept = ""
        self._at = 0

    def next_mark(self) -> str:
        """Go to the next character that is no white space and return it; "" at the end."""
        while True:
            found = _MARK.search(self._kept, self._at)
            if found is not None:
                self._at = found.start()
                return found[0]
            self._at = len(self._kept)
            if not self._more(1):
                return ""

    def take(self, mark: str) -> None:
        """Go past a mark, which must come next."""
        found = self.next_mark()
        if found != mark:
            what = repr(found) if found else "its end"
            raise CorpusError(f"{what} stands where the array needs {mark!r}; repair the file")
        self._at += 1

    def take_value(self, where: str) -> object:
        """Go past a value and return it."""
        self.next_mark()
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._kept, self._at)
            except json.JSONDecodeError as error:
                # As much again, so that a long record is not begun a thousand times.
                n_kept = len(self._kept) - self._at
                if n_kept < _MAX_RECORD_CHARS and self._more(n_kept):
                    continue
                raise CorpusError(f"{where}: not JSON ({error.msg}); repair or drop it") from error
            except RecursionError as error:
                raise CorpusError(f"{where}: JSON nested too deeply; drop the record") from error
            return cast("object", value)

    def _more(self, n_chars: int) -> bool:
        """Read on by some characters or more; tell whether there were any."""
        read = [self._kept[self._at :]]
        n = 0
        for piece in self._pieces:
            read.append(piece)
            n += len(piece)
            if n >= max(n_chars, 1):
                break
        self._kept, self._at = "".join(read), 0
        return n > 0
