import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embstore.errors import CorpusError
from embstore.inputs.delimited import read_csv, read_tsv

# What a text is after reading: stripped, with one kind of line end.
TEXTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12))


def texts(raw: bytes, field: str = "text") -> list[str]:
    return ["".join(pieces) for pieces in read_csv(io.BytesIO(raw), field)]


@given(TEXTS, st.sampled_from([(read_csv, ","), (read_tsv, "\t")]))
def test_what_python_writes_is_read(written: list[str], kind: tuple[object, str]) -> None:
    read, delimiter = kind
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerows([["id", "text"], *([i, text] for i, text in enumerate(written))])
    found = read(io.BytesIO(file.getvalue().encode()), "text")  # type: ignore[operator]
    clean = (text.replace("\r\n", "\n").replace("\r", "\n").strip() for text in written)
    assert ["".join(pieces) for pieces in found] == [text for text in clean if text]


def test_values_in_quotes_hold_commas_line_ends_and_quotes() -> None:
    raw = '\ufefftext,id\r\n"one, ""two""\r\nthree",1\r\n\r\n,2\r\né,3'.encode()
    assert texts(raw) == ['one, "two"\nthree', "é"]


def test_a_value_may_be_longer_than_python_takes_by_itself() -> None:
    long = "word " * 60_000
    assert texts(f'text\n"{long}"\n'.encode()) == [long.strip()]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a,b\n1,2\n", "no column 'text'; it has 'a', 'b'"),
        (b"text,b\none\n", "row 1, which ends in line 2, has 1 values, but the header has 2"),
        (b'text,b\n"x\ny",1\none,two,three\n', "row 2, which ends in line 4, has 3 values"),
        (b'text\n"one', "line 2: unexpected end of data"),
        (b'text\n"one" two\n', "line 2: .* expected"),
        (b"text\nbad \xff\n", "byte 9 is 0xff"),
        (b"text\n\0\n", "binary, not text"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(raw: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        texts(raw)


def test_a_table_without_rows_has_no_texts() -> None:
    assert texts(b"text,id\n") == []
