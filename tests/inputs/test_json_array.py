import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embstore.errors import CorpusError
from embstore.inputs import utf8
from embstore.inputs.json_array import read_json


def texts(raw: bytes, field: str = "text") -> list[str]:
    return ["".join(pieces) for pieces in read_json(io.BytesIO(raw), field)]


@given(st.lists(st.text(max_size=8), max_size=6), st.sampled_from([None, 0, 2]), st.integers(1, 40))
def test_an_array_gives_what_its_lines_give(
    written: list[str], indent: int | None, n_bytes: int
) -> None:
    records = [{"id": i, "text": text} for i, text in enumerate(written)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utf8, "_CHUNK_BYTES", n_bytes)
        array = texts(json.dumps(records, indent=indent).encode())
    assert array == texts("\n".join(map(json.dumps, records)).encode())


def test_marks_and_white_space_before_the_array() -> None:
    assert texts(b"\xef\xbb\xbf \n\t" + b" " * 5000 + b'[ {"text": "one"} ] \n') == ["one"]


def test_fields_of_fields_and_records_without_text() -> None:
    raw = b'[{"meta": {"text": "one"}}, {"meta": {"text": null}}, {"meta": {"text": " "}}]'
    assert texts(raw, "meta.text") == ["one"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'[{"text": "one"}', "its end stands where the array needs ','"),
        (b"[", "its end stands where the array needs ']'"),
        (b'[{"text": "one"} {"text": "two"}]', "'{' stands where the array needs ','"),
        (b'[{"text": "one"},]', "record 2: not JSON"),
        (b'[{"text": "one"}, {"text": two}]', "record 2: not JSON"),
        (b'[{"text": "one"}, "two"]', "record 2: a string, not an object"),
        (b'[{"text": "one"}, {"body": "two"}]', "record 2: no field 'text'"),
        (b'[{"text": "one"}] more', "'m' stands behind the array"),
        (b"[" * 200_000, "record 1: JSON nested too deeply"),
        (b'{"text": "one"}\n{"text":', "line 2: not JSON"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(raw: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        texts(raw)


def test_nothing_and_an_empty_array_have_no_texts() -> None:
    assert texts(b"") == texts(b"[]") == texts(b" [ ] ") == []
