"""Text from bytes that should be UTF-8, and what is said of those that are not."""

import codecs
import io
from collections.abc import Iterator
from typing import IO

from embstore.errors import CorpusError

_CHUNK_BYTES = 1 << 18


def refuse_utf16(beginning: bytes) -> None:
    """Refuse a text that begins with the mark of UTF-16.

    Raises:
        CorpusError: it does.
    """
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CorpusError("UTF-16, not UTF-8; convert it, as with iconv -f utf-16 -t utf-8")


def not_utf8(error: UnicodeDecodeError, *, before: int = 0, of: str = "") -> str:
    r"""Say which byte is not UTF-8.

    Args:
        error: what Python says.
        before: how many bytes come before those that were decoded.
        of: what the bytes are counted in, such as `` of the line``.

    >>> try:
    ...     b"one\xe9".decode()
    ... except UnicodeDecodeError as error:
    ...     not_utf8(error)
    'not UTF-8 text (byte 3 is 0xe9); convert it, as with iconv -t utf-8'
    """
    return (
        f"not UTF-8 text (byte {before + error.start:,}{of} is 0x{error.object[error.start]:02x});"
        " convert it, as with iconv -t utf-8"
    )


def decoded(stream: IO[bytes]) -> Iterator[str]:
    r"""Yield UTF-8 text piece by piece, whatever the length of its lines; they end in ``\n``.

    Raises:
        CorpusError: it is not UTF-8, or holds a zero byte; says where.
    """
    utf8 = codecs.getincrementaldecoder("utf-8")()
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    offset = 0
    final = False
    while not final:
        chunk = stream.read(_CHUNK_BYTES)
        final = not chunk
        if offset == 0:
            refuse_utf16(chunk)
        if (at := chunk.find(0)) >= 0:
            raise CorpusError(f"binary, not text (byte {offset + at:,} is zero); give UTF-8 text")
        n_pending = len(utf8.getstate()[0])
        try:
            text = utf8.decode(chunk, final)
        except UnicodeDecodeError as error:
            raise CorpusError(not_utf8(error, before=offset - n_pending)) from error
        if offset == 0:
            text = text.removeprefix("\ufeff")
        offset += len(chunk)
        yield newlines.decode(text, final)
