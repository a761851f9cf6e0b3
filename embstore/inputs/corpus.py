"""A text: opened once, cleaned, fingerprinted, then read by byte range."""

from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from embstore.common.messages import one_line
from embstore.errors import CorpusError, UsageError
from embstore.inputs.formats import TextSource, find_source
from embstore.inputs.packed_files import DAMAGE
from embstore.inputs.spool import Spool, TextFacts
from embstore.inputs.text_places import TextPlaces, places_of_lines
from embstore.inputs.wikipedia.cleaned_cache import CleanedTexts
from embstore.types import Corpus

# A character of UTF-8 has at most three bytes after its first.
_MAX_CONTINUATION = 3


def open_corpus(spec: str | Path, *, text_field: str | None = None) -> "CorpusText":
    r"""Read and clean a text source once, and return its text for reading by byte range.

    The kind of source is told by its name:

    - ``.txt`` is one document of UTF-8 text, whose lines are its texts where texts are fed one
      by one.
    - ``.xml`` (also ``.xml-p1p41242``, part of a dump), ``enwik8`` and ``enwik9`` are
      MediaWiki exports of one document per article. The bare name ``enwik8``, where no
      such file lies in the working folder, is fetched once and kept in a cache folder.
    - ``.jsonl`` and ``.ndjson`` are one JSON object per line, ``.json`` that or an array of
      objects, ``.csv`` and ``.tsv`` a table with a header, ``.parquet`` one row per
      document; the text is in the field or column ``text_field``.
    - A folder is all its texts of these kinds, in the order of their paths, a pattern such as
      ``notes/**/*.txt`` those that fit it, and a folder that ``save_to_disk`` of data sets
      wrote its records.
    - ``-`` is standard input: plain text, or with ``text_field`` JSON lines.
    - ``hf:DATASET[/CONFIG][:SPLIT]`` is a data set of the Hugging Face Hub, or a folder
      of data files, read as a stream; the text is in the field ``text_field``.

    ``.bz2``, ``.gz``, ``.xz``, ``.zst`` and ``.zip`` (of one file) behind any but
    ``.parquet`` and ``hf:`` are unpacked. Documents are joined by one blank line. Line ends
    become ``\n`` and a byte order mark goes; Unicode is not normalised, so that composed and
    decomposed letters stay as they were. The fingerprint is the SHA-256 of the resulting
    UTF-8 text, and so the same for the same bytes on any machine.

    The text goes to an unnamed temporary file as it is read; memory holds a piece of it.
    That of a large MediaWiki export, which takes minutes to clean, is kept in the cache
    folder for the next time.

    Args:
        spec: path of a file, ``enwik8``, or the address of a data set.
        text_field: name of the field that holds the text, dotted where it is nested;
            ``text`` if not given.

    Raises:
        CorpusError: the source is missing, not a regular file, not readable, of unknown
            suffix, empty, empty after cleaning, damaged, or not text of its kind; a
            record lacks the field; ``enwik8`` or a data set cannot be reached; or the
            temporary folder is full.
        UsageError: ``text_field`` is given for a source that has no fields.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "motto.txt")
    ...     _ = path.write_text("Mesure ce qui est mesurable.", encoding="utf-8")
    ...     with open_corpus(path) as text:
    ...         text.corpus.name, text.corpus.n_documents, text.read(0, 6)
    ('motto', 1, 'Mesure')
    """
    try:
        source = find_source(str(spec), text_field)
        facts, file, places = _text_of(source)
    except (CorpusError, UsageError) as error:
        raise type(error)(f"corpus {spec}: {error}") from error
    except (OSError, *DAMAGE) as error:
        raise _unreadable(spec, error) from error
    corpus = Corpus(name=source.name, source=source.label, **asdict(facts))
    return CorpusText(corpus, file, places, of_lines=source.of_lines)


class CorpusText:
    """A corpus's cleaned text on disk, until closed; a context manager.

    Its texts are its documents: records, rows, articles, the files of a folder. Of plain text
    they are the lines that are not blank.

    Attributes:
        corpus: its name, fingerprint and counts.
    """

    def __init__(
        self, corpus: Corpus, file: IO[bytes], places: TextPlaces, *, of_lines: bool = False
    ) -> None:
        """Take what was read.

        Args:
            corpus: its name, fingerprint and counts.
            file: the cleaned text.
            places: where its documents begin.
            of_lines: its texts are its lines, which are looked for when they are asked for.
        """
        self.corpus = corpus
        self._file = file
        self._places = places
        self._of_lines = of_lines

    @property
    def n_bytes(self) -> int:
        """Length of the text as UTF-8."""
        return self.corpus.n_bytes

    def read(self, start: int, n_bytes: int) -> str:
        """Return the characters whose first byte lies in ``[start, start + n_bytes)``.

        Ranges that tile the text therefore give every character exactly once. Beyond
        the end there is nothing.
        """
        self._file.seek(start)
        raw = self._file.read(max(n_bytes, 0) + _MAX_CONTINUATION)
        return raw[_next_character(raw, 0) : _next_character(raw, n_bytes)].decode()

    @property
    def n_texts(self) -> int:
        """How many texts there are.

        Raises:
            CorpusError: the temporary folder is full.
        """
        return len(self._texts())

    def read_text(self, text: int, most_bytes: int) -> tuple[str, bool]:
        """Return a text without white space at its ends, and whether that is all of it.

        Args:
            text: which, from 0 in the order of the corpus.
            most_bytes: of a longer one so many are read.

        Raises:
            CorpusError: the temporary folder is full.
        """
        start, end = self._texts().bounds(text, self.n_bytes)
        return self.read(start, min(end - start, most_bytes)).strip(), end - start <= most_bytes

    def _texts(self) -> TextPlaces:
        if self._of_lines:
            self._places.close()
            self._places, self._of_lines = places_of_lines(self._file), False
        return self._places

    def close(self) -> None:
        """Delete the temporary files; the text cannot be read afterwards."""
        self._file.close()
        self._places.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _next_character(raw: bytes, at: int) -> int:
    """Move ``at`` past any continuation bytes 10xxxxxx, to where a character begins."""
    while at < len(raw) and raw[at] & 0xC0 == 0x80:
        at += 1
    return at


def _text_of(source: TextSource) -> tuple[TextFacts, IO[bytes], TextPlaces]:
    """Return the cleaned text as an open file: from the cache folder, or read and cleaned now.

    With it, where its documents begin.
    """
    kept = CleanedTexts.of(source.dump) if source.dump else None
    if kept and (found := kept.find()):
        return found
    spool = Spool()
    with ExitStack() as on_error:
        on_error.callback(spool.close)
        with closing(source.read()) as documents:
            for document in documents:
                spool.write_document(document)
        spool.flush()
        if not spool.n_documents:
            raise CorpusError(
                "no text is left after cleaning (only white space, redirects, pages outside the"
                " article namespace or empty records); give a source with text in it"
            )
        if kept:
            kept.keep(spool.facts, spool.file, spool.places)
        on_error.pop_all()
    return spool.facts, spool.file, spool.places


def _unreadable(spec: str | Path, error: Exception) -> CorpusError:
    # What the decompressors raise about the data carries no error number.
    if isinstance(error, OSError) and error.errno is not None:
        return CorpusError(
            f"corpus {spec}: cannot be read ({error.strerror}); check its permissions and its disk"
        )
    return CorpusError(
        f"corpus {spec}: cut short or damaged as {Path(spec).suffix} ({one_line(error)}); fetch"
        " the file again"
    )
