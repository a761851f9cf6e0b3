"""Where each text of a corpus begins, kept on disk beside the corpus's own text.

A corpus is one text for its fingerprint and its windows; whoever feeds prompts or sentences one by
one needs to know where one ends. Eight bytes a text, none of them in memory: ten million texts are
80 MB of a temporary file.
"""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

import numpy as np
from numpy.typing import NDArray

from embstore.errors import CorpusError

_BYTES = 8
_DTYPE = "<i8"
# Lines are looked for in pieces of this size, however long they are.
_PIECE_BYTES = 1 << 20
_AT_ONCE = 1 << 16


class TextPlaces:
    """The first byte of each text, in the order of the corpus; a text ends where the next begins.

    What is between two texts, line ends and white space, belongs to neither: who reads a text
    strips it.
    """

    def __init__(self, file: IO[bytes] | None = None) -> None:
        """Take a file of places, or begin an empty temporary one.

        Raises:
            CorpusError: no temporary file can be made.
        """
        self._few: list[int] = []
        self._length = 0
        if file is None:
            file = _temporary_file()
        else:
            self._length = file.seek(0, 2) // _BYTES
        self._file = file

    def __len__(self) -> int:
        """How many texts there are."""
        return self._length + len(self._few)

    def add(self, place: int) -> None:
        """Note where the next text begins.

        Raises:
            CorpusError: the disk is full.
        """
        self._few.append(place)
        if len(self._few) == _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Bring everything to disk.

        Raises:
            CorpusError: the disk is full.
        """
        try:
            self._file.seek(0, 2)
            self._file.write(np.array(self._few, dtype=_DTYPE).tobytes())
            self._file.flush()
        except OSError as error:
            raise CorpusError(
                f"where its texts begin cannot be written to the temporary folder "
                f"{tempfile.gettempdir()} ({error.strerror}); free some space, or set TMPDIR to a "
                "folder with more"
            ) from error
        self._length += len(self._few)
        self._few.clear()

    def bounds(self, text: int, n_bytes: int) -> tuple[int, int]:
        """Return the first byte of a text, and that after its last.

        Args:
            text: which, from 0.
            n_bytes: of the whole corpus, where the last text ends.
        """
        if self._few:
            self.flush()
        self._file.seek(text * _BYTES)
        found = np.frombuffer(self._file.read(2 * _BYTES), dtype=_DTYPE).tolist()
        return found[0], found[1] if len(found) > 1 else n_bytes

    def pieces(self) -> Iterator[bytes]:
        """Yield all places as they are on disk."""
        self.flush()
        self._file.seek(0)
        while piece := self._file.read(_PIECE_BYTES):
            yield piece

    def close(self) -> None:
        """Delete the temporary file."""
        # Closing flushes, which on a full disk fails once more.
        with suppress(OSError):
            self._file.close()


def places_of_lines(text: IO[bytes]) -> TextPlaces:
    r"""Return where the lines of a text begin that hold more than white space.

    Args:
        text: UTF-8 whose lines end in ``\n``, read from its beginning.

    Raises:
        CorpusError: no temporary file can be made, or the disk is full.
    """
    places = TextPlaces()
    text.seek(0)
    begin, is_blank, at = 0, True, 0
    while piece := text.readline(_PIECE_BYTES):
        is_blank = is_blank and not piece.strip()
        at += len(piece)
        if piece.endswith(b"\n"):
            if not is_blank:
                places.add(begin)
            begin, is_blank = at, True
    if not is_blank:
        places.add(begin)
    places.flush()
    return places


def are_places(raw: NDArray[np.int64], *, n_texts: int, n_bytes: int) -> bool:
    """Tell whether numbers can be where the texts of a corpus begin."""
    inside = len(raw) == n_texts > 0 and raw[0] == 0 and raw[-1] < n_bytes
    return bool(inside and (np.diff(raw) > 0).all())


def _temporary_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(prefix="embstore-")
    except OSError as error:
        raise CorpusError(
            f"no temporary file can be made ({error.strerror}); set TMPDIR to a folder that can "
            "be written to"
        ) from error
