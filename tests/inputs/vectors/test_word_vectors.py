"""Word vectors as GloVe, word2vec and fastText write them."""

import io
import struct

import numpy as np
import pytest

from embstore.errors import MeasurementError
from embstore.inputs.vectors.word_vectors import is_word_vectors, read_binary, read_word_vectors

X = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
# As in glove.840B: words of several parts, numbers, and white space that is none.
WORDS = [
    "the",
    ". . .",
    "at name@domain.com",
    "2007",
    "-0.5",
    "a\u00a0b",
    "c\u0085d",
    "\u2028",
    "ß",
]


def lines(words: list[str] = WORDS, header: str = "", end: str = "\n") -> list[bytes]:
    text = header + "".join(
        f"{words[i % len(words)]} {' '.join(map(str, row))}{end}" for i, row in enumerate(X)
    )
    return io.BytesIO(text.encode()).readlines()


@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
@pytest.mark.parametrize("header", ["", "300 4\n"])
def test_the_numbers_behind_each_word(header: str, end: str) -> None:
    found = lines(header=header, end=end)
    assert is_word_vectors(found)
    np.testing.assert_array_equal(read_word_vectors(found), X)


def test_rows_of_numbers_are_none() -> None:
    assert not is_word_vectors([b"0.1 0.2\n", b"0.3 0.4\n"])
    assert not is_word_vectors([b"2 4\n", b"1 3\n"])
    assert is_word_vectors([b"2 2\n", b"1 0.3 0.4\n"])


@pytest.mark.parametrize(
    ("at", "line", "message"),
    [
        (7, b"word 1 2 3\n", "line 8 has a word and 3 numbers where the others have 4"),
        (7, b"word 1 2 3 4 5\n", "line 8 has a word and 5 numbers where the others have 4"),
        (250, b"word 1 2 3\n", "line 251 has a word and 3 numbers"),
        (7, b"word 1 x 3 4\n", "line 8: could not convert string to float"),
    ],
)
@pytest.mark.parametrize("header", ["", "300 4\n"])
def test_a_damaged_line_is_named(at: int, line: bytes, message: str, header: str) -> None:
    found = lines(["word"], header)
    found[at] = line
    with pytest.raises(MeasurementError, match=message):
        read_word_vectors(found)


def test_a_file_that_was_cut_short() -> None:
    with pytest.raises(MeasurementError, match="first line tells of 300 words, and 250 are in it"):
        read_word_vectors(lines(header="300 4\n")[:251])


def test_a_text_without_numbers() -> None:
    with pytest.raises(MeasurementError, match="no line has a word and numbers"):
        read_word_vectors([b"the\n", b"of\n"])


@pytest.mark.parametrize("between", [b"", b"\n"])
def test_the_binary_format(between: bytes) -> None:
    content = b"300 4\n" + b"".join(
        f"w{i} ".encode() + struct.pack("<4f", *row) + between for i, row in enumerate(X)
    )
    np.testing.assert_array_equal(read_binary(io.BytesIO(content)), X)
    with pytest.raises(MeasurementError, match="it ends in word 300 of 300"):
        read_binary(io.BytesIO(content[:-3]))


def test_what_is_not_the_binary_format() -> None:
    with pytest.raises(MeasurementError, match=r"a file of PyTorch ends in \.pt"):
        read_binary(io.BytesIO(b"PK\x03\x04" + bytes(100)))
    with pytest.raises(MeasurementError, match="word 1 does not end"):
        read_binary(io.BytesIO(b"3 2\n" + b"a" * 70_000))
