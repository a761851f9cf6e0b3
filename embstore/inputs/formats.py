"""Formats of text, told by name: how a file or an address becomes documents."""

import re
import stat
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from embstore.common.messages import one_line
from embstore.common.paths import expanded
from embstore.errors import CorpusError, UsageError
from embstore.inputs import hub_datasets
from embstore.inputs.delimited import read_csv, read_tsv
from embstore.inputs.json_array import read_json
from embstore.inputs.json_parquet import read_json_lines, read_parquet
from embstore.inputs.packed_files import DAMAGE, PACKINGS, open_packed
from embstore.inputs.several_files import files_in, files_like, has_wildcards
from embstore.inputs.utf8 import decoded
from embstore.inputs.wikipedia import enwik8
from embstore.inputs.wikipedia.mediawiki import read_articles
from embstore.inputs.zip_files import zipped_name

_DEFAULT_FIELD = "text"

Item = TypeVar("Item")
STANDARD_INPUT = "-"

# A document comes in pieces, so that one of any length passes through.
Documents = Generator[Iterable[str], None, None]
ReadDocuments = Callable[[IO[bytes], str], Iterator[Iterable[str]]]


@dataclass(frozen=True)
class TextSource:
    """A text before it is read: its name, its file or address as recorded, and how to read it."""

    name: str
    label: str
    read: Callable[[], Documents]
    # The file, where cleaning it is so slow that the text is worth keeping.
    dump: Path | None = None
    # Whether each of its lines is a text of its own, where texts are fed one by one.
    of_lines: bool = False


@dataclass(frozen=True)
class Format:
    """How documents come from the bytes of a file, and from which field of them."""

    read: ReadDocuments
    has_fields: bool = False
    # Whether it can be read from its beginning to its end, and so while it is unpacked.
    is_stream: bool = True
    is_slow: bool = False
    of_lines: bool = False


def _plain_text(stream: IO[bytes], _field: str) -> Iterator[Iterable[str]]:
    yield decoded(stream)


def _mediawiki(stream: IO[bytes], _field: str) -> Iterator[Iterable[str]]:
    for article in read_articles(stream):
        yield (article,)


# A format is one entry: how its documents, each in pieces, come from a stream of bytes.
# enwik8 and enwik9 are known by name because they have no suffix.
FORMATS: dict[str, Format] = {
    ".txt": Format(_plain_text, of_lines=True),
    ".xml": Format(_mediawiki, is_slow=True),
    "enwik8": Format(_mediawiki, is_slow=True),
    "enwik9": Format(_mediawiki, is_slow=True),
    ".jsonl": Format(read_json_lines, has_fields=True),
    ".ndjson": Format(read_json_lines, has_fields=True),
    ".json": Format(read_json, has_fields=True),
    ".csv": Format(read_csv, has_fields=True),
    ".tsv": Format(read_tsv, has_fields=True),
    ".parquet": Format(read_parquet, has_fields=True, is_stream=False),
}
# Parts of a dump carry their page range behind the suffix: x.xml-p1p41242.bz2.
_SUFFIX = re.compile(r"(?P<name>.+)(?P<suffix>\.[^.-]+)(?:-p\d+p\d+[^.]*)?\Z")


def find_source(spec: str, text_field: str | None) -> TextSource:
    """Tell from its name what a source is and how to read it; fetches ``enwik8`` if need be.

    Raises:
        CorpusError: it is not there, or of a format that is not known; lists those that are.
        UsageError: ``text_field`` is given and the source has no fields.
        OSError, zipfile.BadZipFile: a .zip is damaged or cannot be read.
    """
    if spec.startswith(hub_datasets.PREFIX):
        return _dataset(spec, text_field)
    if spec == STANDARD_INPUT:
        return _standard_input(text_field)
    path = Path(expanded(spec))
    if path.is_dir():
        if hub_datasets.is_saved(path):
            return _dataset(f"{hub_datasets.PREFIX}{spec}", text_field)
        return _several(path.resolve().name, files_in(path, is_known), text_field)
    if has_wildcards(spec) and not path.exists():
        return _several(path.name, files_like(expanded(spec), is_known), text_field)
    if spec == enwik8.NAME and not path.exists():
        path = enwik8.fetch_enwik8()
    return _file(path, text_field)


def is_known(path: Path) -> bool:
    """Tell from its name whether a file is of a format that is read."""
    packed = path.suffix.lower() in PACKINGS
    outer = path.name.removesuffix(path.suffix) if packed else path.name
    return _name_and_suffix(outer)[1] in FORMATS


def _dataset(spec: str, text_field: str | None) -> TextSource:
    address = hub_datasets.parse_address(spec)
    return TextSource(
        name=address.name,
        label=f"{hub_datasets.PREFIX}{address.name}",
        read=lambda: hub_datasets.read_dataset(address, text_field or _DEFAULT_FIELD),
    )


def _standard_input(text_field: str | None) -> TextSource:
    """Read what is sent: plain text, or where a field is named JSON lines."""
    if sys.stdin is None or sys.stdin.isatty():
        raise CorpusError("nothing is sent to standard input; send a text, or name a file")
    read = _plain_text if text_field is None else read_json_lines
    return TextSource(
        name="stdin",
        label=STANDARD_INPUT,
        read=lambda: _as_generator(read(sys.stdin.buffer, text_field or _DEFAULT_FIELD)),
        of_lines=text_field is None,
    )


def _several(name: str, files: Sequence[Path], text_field: str | None) -> TextSource:
    """Read several files as one text, each as if it were alone; those without fields ignore one."""
    sources = []
    fields = 0
    for file in files:
        try:
            sources.append((file, _file(file, text_field)))
            fields += 1
        except UsageError:
            sources.append((file, _file(file, None)))
    if text_field is not None and not fields:
        raise UsageError(
            f"none of the {len(files):,} files has fields, so none is called {text_field!r}; leave "
            "out the text field"
        )

    def read() -> Documents:
        for file, source in sources:
            for document in _naming(file, source.read()):
                yield _naming(file, document)

    return TextSource(name=name, label=name, read=read)


def _naming(file: Path, items: Iterable[Item]) -> Iterator[Item]:
    """Say in which of several files something is wrong."""
    try:
        yield from items
    except (CorpusError, OSError, *DAMAGE) as error:
        raise CorpusError(f"{file}: {one_line(error)}") from error


def _as_generator(documents: Iterator[Iterable[str]]) -> Documents:
    yield from documents


def _file(path: Path, text_field: str | None) -> TextSource:
    _check_file(path)
    packing = path.suffix.lower() if path.suffix.lower() in PACKINGS else ""
    outer = path.name.removesuffix(path.suffix) if packing else path.name
    name, suffix = _name_and_suffix(outer)
    if packing == ".zip" and suffix not in FORMATS:
        # wiki.zip may hold wiki.xml; notes.txt.zip may hold a file of any name.
        name, suffix = outer, _name_and_suffix(zipped_name(path))[1]
    format_ = FORMATS.get(suffix)
    if format_ is None:
        raise CorpusError(_unknown(suffix))
    if packing and not format_.is_stream:
        raise CorpusError(f"{suffix} cannot be read from inside a {packing}; unpack it first")
    if text_field is not None and not format_.has_fields:
        raise UsageError(
            f"{suffix} has no fields, so none is called {text_field!r}; leave out the text field"
        )
    return TextSource(
        name=name,
        label=path.name,
        read=lambda: _read(path, format_, text_field),
        dump=path if format_.is_slow else None,
        of_lines=format_.of_lines,
    )


def _read(path: Path, format_: Format, text_field: str | None) -> Documents:
    with open_packed(path) as stream:
        yield from format_.read(stream, text_field or _DEFAULT_FIELD)


def _name_and_suffix(file_name: str) -> tuple[str, str]:
    """Split a file's name; one without a suffix, as enwik8, is its own."""
    match = _SUFFIX.match(file_name)
    return (match["name"], match["suffix"].lower()) if match else (file_name, file_name)


def _unknown(suffix: str) -> str:
    found = f"suffix {suffix!r} is not known" if suffix[:1] == "." else "the name has no suffix"
    streams = ", ".join(suffix for suffix, format_ in FORMATS.items() if format_.is_stream)
    others = ", ".join(suffix for suffix, format_ in FORMATS.items() if not format_.is_stream)
    *packings, last = PACKINGS
    return (
        f"{found}; known are {streams}, each also with {', '.join(packings)} or {last} behind it,"
        f" {others}, and {hub_datasets.PREFIX}DATASET"
    )


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise CorpusError("no such file; check the path") from error
    if not stat.S_ISREG(status.st_mode):
        raise CorpusError("not a regular file; give a file of text")
    if status.st_size == 0:
        raise CorpusError("empty (0 bytes); give a file with text in it")
