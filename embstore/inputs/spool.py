"""The temporary file that a corpus's text is written to as it is read."""

import hashlib
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from embstore.errors import CorpusError
from embstore.inputs.text_places import TextPlaces

_SEPARATOR = "\n\n"


@dataclass(frozen=True)
class TextFacts:
    """Fingerprint and counts of a cleaned text; ``sha256`` is over its UTF-8."""

    sha256: str
    n_documents: int
    n_chars: int
    n_bytes: int


class Spool:
    """The temporary file while it is written, with the fingerprint and the counts.

    Attributes:
        file: the text.
        places: where in it each document begins.
    """

    def __init__(self) -> None:
        self.n_documents = 0
        self._sha256 = hashlib.sha256()
        self._n_chars = 0
        self._n_bytes = 0
        try:
            # Whoever made the spool closes it on failure, CorpusText otherwise.
            self.file: IO[bytes] = tempfile.TemporaryFile(prefix="embstore-")  # noqa: SIM115
        except OSError as error:
            raise CorpusError(
                f"no temporary file can be made ({error.strerror}); set TMPDIR to a folder"
                " that can be written to"
            ) from error
        self.places = TextPlaces()

    @property
    def facts(self) -> TextFacts:
        """The fingerprint and the counts so far."""
        return TextFacts(self._sha256.hexdigest(), self.n_documents, self._n_chars, self._n_bytes)

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
                separator = _SEPARATOR if self.n_documents else ""
                self.places.add(self._n_bytes + len(separator))
                text = separator + text
                self.n_documents += 1
            self._write(text)

    def flush(self) -> None:
        """Bring everything to disk."""
        try:
            self.file.flush()
        except OSError as error:
            raise self._cannot_write(error) from error
        self.places.flush()

    def close(self) -> None:
        """Delete the file."""
        # Closing flushes, which on a full disk fails once more.
        with suppress(OSError):
            self.file.close()
        self.places.close()

    def _write(self, text: str) -> None:
        raw = text.encode()
        self._sha256.update(raw)
        self._n_chars += len(text)
        self._n_bytes += len(raw)
        try:
            self.file.write(raw)
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> CorpusError:
        return CorpusError(
            f"its cleaned text cannot be written to the temporary folder {tempfile.gettempdir()}"
            f" ({error.strerror} within {self._n_bytes:,} bytes); free some space, or set TMPDIR"
            " to a folder with more"
        )
