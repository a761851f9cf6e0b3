"""Word vectors: the text of GloVe, word2vec and fastText, and word2vec's binary file."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import IO

import numpy as np
from numpy.typing import NDArray

from embstore.errors import MeasurementError
from embstore.inputs.vectors.number_text import is_number

_HEADER = re.compile(rb"\s*(\d+)\s+(\d+)\s*")
# Lines looked at to tell how many numbers a line has.
_LOOKED_AT = 200
_LONGEST_WORD = 1 << 16


def is_word_vectors(lines: Iterable[bytes]) -> bool:
    """Tell whether a text's first lines are word vectors: a count before them, or a word in each.

    >>> is_word_vectors([b"the 0.1 0.2"]), is_word_vectors([b"0.1 0.2", b"0.3 0.4"])
    (True, False)
    """
    first = list(lines)
    if len(first) > 1 and (header := _HEADER.fullmatch(first[0])):
        # Without words the second line has as many numbers as the first one says, or two.
        return len(_split(first[1])) > int(header[2])
    return any(parts and not is_number(parts[0]) for parts in map(_split, first))


def read_word_vectors(lines: Iterable[bytes]) -> NDArray[np.float32]:
    """Read a word and its numbers from each line; a first line "n d" is passed over.

    Words may hold spaces, as some of GloVe's do: the last d parts of a line are the vector.

    Raises:
        MeasurementError: a line has too few numbers, or too many (names the line), or there
            are not as many as the first line says.
    """
    lines = iter(lines)
    ahead = list(islice(lines, _LOOKED_AT))
    start = 1
    n = d = None
    if ahead and (header := _HEADER.fullmatch(ahead[0])):
        n, d = int(header[1]), int(header[2])
        ahead, start = ahead[1:], 2
    if d is None:
        # Most lines have one word; a few words hold spaces.
        sizes = Counter(len(parts) - 1 for line in ahead if (parts := _split(line)))
        d = max(sizes, key=lambda size: (sizes[size], -size), default=0)
    if d < 1:
        raise MeasurementError("no line has a word and numbers behind it")
    vectors = [
        vector
        for chunk, first in ((ahead, start), (lines, start + len(ahead)))
        for number, line in enumerate(chunk, first)
        if (vector := _vector(line, d, number)) is not None
    ]
    if n is not None and len(vectors) != n:
        raise MeasurementError(
            f"its first line tells of {n:,} words, and {len(vectors):,} are in it; fetch the file "
            "again"
        )
    return np.array(vectors, dtype=np.float32).reshape(-1, d)


def read_binary(stream: IO[bytes]) -> NDArray[np.float32]:
    """Read word2vec's binary file: "n d", then n times a word, a space and d float32 numbers.

    Raises:
        MeasurementError: it does not begin so, or ends early.
    """
    header = _HEADER.fullmatch(stream.readline(64))
    if header is None:
        raise MeasurementError(
            "not word2vec's binary format, which begins with two numbers; a file of PyTorch ends "
            "in .pt"
        )
    n, d = int(header[1]), int(header[2])
    vectors = np.empty((n, d), dtype=np.float32)
    for row in range(n):
        _skip_word(stream, row)
        content = stream.read(4 * d)
        if len(content) < 4 * d:
            raise MeasurementError(f"it ends in word {row + 1:,} of {n:,}; fetch the file again")
        vectors[row] = np.frombuffer(content, dtype="<f4")
    return vectors


def _skip_word(stream: IO[bytes], row: int) -> None:
    for _ in range(_LONGEST_WORD):
        if stream.read(1) in (b" ", b""):
            return
    raise MeasurementError(f"word {row + 1:,} does not end; the file is damaged")


def _vector(line: bytes, d: int, number: int) -> NDArray[np.float32] | None:
    parts = _split(line)
    if not parts:
        return None
    word, numbers = parts[:-d], parts[-d:]
    # A word of several parts may not have numbers behind its first: then d is wrong.
    if not word or any(map(is_number, word[1:])):
        raise MeasurementError(
            f"line {number:,} has a word and {len(parts) - 1:,} numbers where the others have "
            f"{d:,}; repair or drop the line"
        )
    try:
        return np.array(numbers, dtype=np.float32)
    except ValueError as error:
        raise MeasurementError(f"line {number:,}: {error}; repair or drop the line") from error


def _split(line: bytes) -> list[bytes]:
    # Only at spaces and tabs: words hold all other kinds of white space.
    return [part for part in re.split(rb"[ \t]", line.rstrip(b"\r\n")) if part]
