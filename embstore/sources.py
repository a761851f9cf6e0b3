"""Kinds of text source, by file name: how their bytes become documents."""

import bz2
import codecs
import gzip
import io
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, cast

from embstore.errors import CorpusError
from embstore.wikipedia import read_articles

_CHUNK_BYTES = 1 << 18


def _plain_text(stream: IO[bytes]) -> Iterator[Iterable[str]]:
    yield _decoded(stream)


def _decoded(stream: IO[bytes]) -> Iterator[str]:
    """Yield UTF-8 text piece by piece, whatever the length of its lines."""
    utf8 = codecs.getincrementaldecoder("utf-8")()
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    offset = 0
    final = False
    while not final:
        chunk = stream.read(_CHUNK_BYTES)
        final = not chunk
        if offset == 0 and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise CorpusError("UTF-16, not UTF-8; convert it, as with iconv -f utf-16 -t utf-8")
        if (at := chunk.find(0)) >= 0:
            raise CorpusError(f"binary, not text (byte {offset + at:,} is zero); give UTF-8 text")
        n_pending = len(utf8.getstate()[0])
        try:
            text = utf8.decode(chunk, final)
        except UnicodeDecodeError as error:
            raise CorpusError(
                f"not UTF-8 text (byte {offset - n_pending + error.start:,} is"
                f" 0x{error.object[error.start]:02x}); convert it, as with iconv -t utf-8"
            ) from error
        if offset == 0:
            text = text.removeprefix("\ufeff")
        offset += len(chunk)
        yield newlines.decode(text, final)


def _mediawiki(stream: IO[bytes]) -> Iterator[Iterable[str]]:
    for article in read_articles(stream):
        yield (article,)


Decompress = Callable[[Path], IO[bytes]]
ReadDocuments = Callable[[IO[bytes]], Iterator[Iterable[str]]]

# A kind of source is one entry: how its documents, each in pieces, come from a stream
# of bytes. enwik8 and enwik9 are known by name because they have no suffix.
_LOADERS: dict[str, ReadDocuments] = {
    ".txt": _plain_text,
    ".xml": _mediawiki,
    "enwik8": _mediawiki,
    "enwik9": _mediawiki,
}
_DECOMPRESSORS: dict[str, Decompress] = {
    ".bz2": cast("Decompress", bz2.BZ2File),
    ".gz": cast("Decompress", gzip.GzipFile),
}
# Parts of a dump carry their page range behind the suffix: x.xml-p1p41242.bz2.
_SUFFIX = re.compile(r"(?P<name>.+)(?P<suffix>\.[^.-]+)(?:-p\d+p\d+[^.]*)?\Z")


def find_loader(path: Path) -> tuple[str, Decompress, ReadDocuments]:
    """Return the corpus's name, and how to open and read the file, all from its name.

    Raises:
        CorpusError: the suffix is not known; lists those that are.
    """
    decompress = _DECOMPRESSORS.get(path.suffix.lower())
    stem = path.name if decompress is None else path.stem
    match = _SUFFIX.match(stem)
    name, suffix = (match["name"], match["suffix"].lower()) if match else (stem, stem)
    if suffix not in _LOADERS:
        found = f"suffix {suffix!r} is not known" if match else "the name has no suffix"
        raise CorpusError(
            f"corpus {path}: {found}; known are {', '.join(_LOADERS)}, each also with"
            f" {' or '.join(_DECOMPRESSORS)} behind it"
        )
    return name, decompress or (lambda plain: plain.open("rb")), _LOADERS[suffix]
