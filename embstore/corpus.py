"""Text sources: opened once, cleaned, fingerprinted, then read by byte range."""

import hashlib
import stat
import tempfile
import zlib
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from embstore.errors import CorpusError
from embstore.sources import find_loader
from embstore.types import Corpus

_SEPARATOR = "\n\n"
# A character of UTF-8 has at most three bytes after its first.
_MAX_CONTINUATION = 3


def open_corpus(spec: str | Path) -> "CorpusText":
    r"""Read and clean a text source once, and return its text for reading by byte range.

    The kind of source is told by the file's name: ``.txt`` is one document of UTF-8
    text, ``.xml`` (also ``.xml-p1p41242``, part of a dump) and ``enwik8`` are MediaWiki
    exports of one document per article; ``.gz`` and ``.bz2`` behind either are
    decompressed. Documents are joined by one blank line. Line ends become ``\n`` and a
    byte order mark goes; Unicode is not normalised, so that composed and decomposed
    letters stay as they were. The fingerprint is the SHA-256 of the resulting UTF-8
    text, and so the same for the same bytes on any machine.

    The text goes to an unnamed temporary file as it is read; memory holds a piece of it.

    Args:
        spec: path of a file.

    Raises:
        CorpusError: the file is missing, not a regular file, not readable, of unknown
            suffix, empty, empty after cleaning, damaged, or not text of its kind; or the
            temporary folder is full.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "motto.txt")
    ...     _ = path.write_text("Mesure ce qui est mesurable.")
    ...     with open_corpus(path) as text:
    ...         text.corpus.name, text.corpus.n_documents, text.read(0, 6)
    ('motto', 1, 'Mesure')
    """
    path = Path(spec)
    _check_file(path)
    name, decompress, read_documents = find_loader(path)
    with ExitStack() as on_error:
        try:
            spool = _Spool()
            on_error.callback(spool.close)
            with decompress(path) as stream:
                for document in read_documents(stream):
                    spool.write_document(document)
            spool.flush()
        except CorpusError as error:
            raise CorpusError(f"corpus {spec}: {error}") from error
        except (EOFError, OSError, zlib.error) as error:
            raise _unreadable(path, error) from error
        if not spool.n_documents:
            raise CorpusError(
                f"corpus {spec}: no text is left after cleaning (only white space, redirects or"
                " pages outside the article namespace); give a file with text in it"
            )
        on_error.pop_all()
    corpus = Corpus(
        name=name,
        source=path.name,
        sha256=spool.sha256.hexdigest(),
        n_documents=spool.n_documents,
        n_chars=spool.n_chars,
        n_bytes=spool.n_bytes,
    )
    return CorpusText(corpus, spool.file)


class CorpusText:
    """A corpus's cleaned text on disk, until closed; a context manager.

    Attributes:
        corpus: its name, fingerprint and counts.
    """

    def __init__(self, corpus: Corpus, file: IO[bytes]) -> None:
        self.corpus = corpus
        self._file = file

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

    def close(self) -> None:
        """Delete the text from disk; it cannot be read afterwards."""
        self._file.close()

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
    """Move ``at`` past the continuation bytes 10xxxxxx that it may stand on."""
    while at < len(raw) and raw[at] & 0xC0 == 0x80:
        at += 1
    return at


class _Spool:
    """The temporary file while it is written, with the fingerprint and the counts."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.n_documents = 0
        self.n_chars = 0
        self.n_bytes = 0
        try:
            # open_corpus closes it on failure, CorpusText otherwise.
            self.file: IO[bytes] = tempfile.TemporaryFile(prefix="embstore-")  # noqa: SIM115
        except OSError as error:
            raise CorpusError(
                f"no temporary file can be made ({error.strerror}); set TMPDIR to a folder"
                " that can be written to"
            ) from error

    def write_document(self, pieces: Iterable[str]) -> None:
        """Append a document from its first character that is not white space, if any."""
        begun = False
        for piece in pieces:
            text = piece
            if not begun:
                text = piece.lstrip()
                if not text:
                    continue
                begun = True
                if self.n_documents:
                    text = _SEPARATOR + text
                self.n_documents += 1
            self._write(text)

    def flush(self) -> None:
        """Bring everything to disk."""
        try:
            self.file.flush()
        except OSError as error:
            raise self._cannot_write(error) from error

    def close(self) -> None:
        """Delete the file."""
        # Closing flushes, which on a full disk fails once more.
        with suppress(OSError):
            self.file.close()

    def _write(self, text: str) -> None:
        raw = text.encode()
        self.sha256.update(raw)
        self.n_chars += len(text)
        self.n_bytes += len(raw)
        try:
            self.file.write(raw)
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> CorpusError:
        return CorpusError(
            f"its cleaned text cannot be written to the temporary folder {tempfile.gettempdir()}"
            f" ({error.strerror} within {self.n_bytes:,} bytes); free some space, or set TMPDIR"
            " to a folder with more"
        )


def _check_file(path: Path) -> None:
    try:
        mode = path.stat()
    except FileNotFoundError as error:
        raise CorpusError(f"corpus {path}: no such file; check the path") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(mode.st_mode):
        found = "a folder, not a file" if stat.S_ISDIR(mode.st_mode) else "not a regular file"
        raise CorpusError(f"corpus {path}: {found}; give a file of text")
    if mode.st_size == 0:
        raise CorpusError(f"corpus {path}: empty (0 bytes); give a file with text in it")


def _unreadable(path: Path, error: Exception) -> CorpusError:
    # What the decompressors raise about the data carries no error number.
    if isinstance(error, OSError) and error.errno is not None:
        return CorpusError(
            f"corpus {path}: cannot be read ({error.strerror}); check its permissions and its disk"
        )
    return CorpusError(
        f"corpus {path}: cut short or damaged as {path.suffix} ({error}); fetch the file again"
    )
