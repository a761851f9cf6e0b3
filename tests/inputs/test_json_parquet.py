import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embstore.errors import CorpusError
from embstore.inputs import json_parquet
from embstore.inputs.corpus import open_corpus
from embstore.inputs.json_parquet import read_json_lines, read_parquet, text_of


def json_texts(raw: bytes, field: str = "text") -> list[str]:
    return ["".join(pieces) for pieces in read_json_lines(io.BytesIO(raw), field)]


def parquet_texts(table: pa.Table, field: str = "text", **options: int) -> list[str]:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    file.seek(0)
    return ["".join(pieces) for pieces in read_parquet(file, field)]


def test_empty_lines_and_empty_texts_are_passed_over() -> None:
    raw = b'\n{"text": "one"}\n \t\n{"text": null}\n{"text": " \\n"}\n{"text": ""}\n{"text": "two"}'
    assert json_texts(raw) == ["one", "two"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_kind_end_a_record_and_are_one_within_it(end: str) -> None:
    lines = [json.dumps({"text": f"a{end}b"}), json.dumps({"text": "cé\u2028\x85d"})]
    assert json_texts(end.join(lines).encode()) == ["a\nb", "cé\u2028\x85d"]


def test_byte_order_mark_before_the_first_record() -> None:
    assert json_texts('\ufeff{"text": "é"}'.encode()) == ["é"]


@given(
    st.lists(st.tuples(st.text(max_size=5), st.sampled_from(["\n", "\r\n", "\r"])), max_size=8),
    st.integers(1, 9),
)
def test_records_and_numbers_do_not_depend_on_the_chunks(
    lines: list[tuple[str, str]], n_bytes: int
) -> None:
    raw = "".join(json.dumps({"text": text}) + end for text, end in lines).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_parquet, "_CHUNK_BYTES", n_bytes)
        expected = [text_of({"text": text}, "text", "") for text, _ in lines]
        assert json_texts(raw) == [text for text in expected if text]
        with pytest.raises(CorpusError, match=rf"^line {len(lines) + 1}: not JSON"):
            json_texts(raw + b"{")


def test_dotted_field_leads_inside_unless_a_field_has_that_name() -> None:
    raw = b'{"meta": {"text": "in"}, "id": 1}\n{"meta.text": "out", "meta": {"text": "in"}}\n'
    assert json_texts(raw, "meta.text") == ["in", "out"]
    assert json_texts(b'{"meta": null}\n{"meta": {"text": null}}', "meta.text") == []


def test_number_of_any_length_beside_the_text() -> None:
    assert json_texts(b'{"id": ' + b"7" * 10_000 + b', "text": "one"}') == ["one"]


BAD_LINES: dict[str, tuple[bytes, str]] = {
    "cut": (b'{"text": "a', r"^line 2: not JSON \(Unterminated string starting at character 10\);"),
    "zero": (b'{"text": "a\0"}', r"^line 2: not JSON \(Invalid control character"),
    "list": (b'["text"]', r"^line 2: a list, not an object with fields; give one object per line"),
    "null": (b"null", r"^line 2: null, not an object"),
    "string": (b'"text"', r"^line 2: a string, not an object"),
    "number": (b'{"text": 5}', r"^line 2: field 'text' is a number, not text; name another"),
    "truth": (b'{"text": true}', r"^line 2: field 'text' is true or false, not text"),
    "latin": (b'{"text": "\xe9"}', r"^line 2: not UTF-8 text \(byte 10 of the line is 0xe9\)"),
    "surrogate": (b'{"text": "a\\ud800"}', r"^line 2: .* half of a surrogate pair \(\\ud800\)"),
    "deep": (b'{"text": ' + b"[" * 200_000, r"^line 2: JSON nested too deeply"),
    "missing": (
        b'{"id": 1, "body": {"raw": "x"}}',
        r"^line 2: no field 'text'; it has 'id', 'body\.raw'; name one of them as the text field$",
    ),
    "none": (b"{}", r"^line 2: no field 'text'; it has none$"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_line_is_named_by_its_number(name: str) -> None:
    raw, message = BAD_LINES[name]
    with pytest.raises(CorpusError, match=message) as caught:
        json_texts(b'{"text": "good"}\n' + raw + b"\n")
    assert "\n" not in str(caught.value)


def test_many_and_long_field_names_are_cut() -> None:
    record = {f"{i:02}" + "x" * 90: 1 for i in range(30)}
    with pytest.raises(
        CorpusError, match=r"and 18 more; name one of them as the text field"
    ) as caught:
        text_of(record, "text", "line 1")
    assert len(str(caught.value)) < 12 * 46 + 100


def test_utf_16_is_told() -> None:
    with pytest.raises(CorpusError, match=r"^UTF-16, not UTF-8"):
        json_texts('\ufeff{"text": "a"}'.encode("utf-16-le"))


def test_longer_records_than_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_parquet, "_MAX_RECORD_BYTES", 3 << 20)
    good = json.dumps({"text": "x" * (5 << 19)}).encode()
    assert [len(text) for text in json_texts(good + b"\n" + good)] == [5 << 19] * 2
    with pytest.raises(CorpusError, match=r"^line 2 is longer than 3 MiB; give one record per"):
        json_texts(b"{}\n".replace(b"{}", good) + b" " * (4 << 20))


def test_memory_holds_one_record_of_many(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl.gz"
    record = json.dumps({"text": "word " * 40_000}).encode() + b"\n"
    path.write_bytes(gzip.compress(record * 100, compresslevel=1))
    tracemalloc.start()
    try:
        with open_corpus(path) as text:
            assert text.corpus.n_documents == 100
            assert text.corpus.n_chars == 100 * 199_999 + 99 * 2
            peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Pieces of 1 MiB, whole and by line, and a few copies of a record of 200 kB; all are 20 MB.
    assert peak < 6_000_000


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_column_of_every_kind_of_text(kind: pa.DataType) -> None:
    texts = pa.array(["one", None, "", " \n", "zwei\r\nÖl", "one"], pa.string()).cast(kind)
    table = pa.table({"id": range(6), "body": texts})
    assert parquet_texts(table, "body") == ["one", "zwei\nÖl", "one"]


def test_rows_of_many_groups_come_in_their_order() -> None:
    texts = [f"text {i}" for i in range(1000)]
    assert parquet_texts(pa.table({"text": texts}), row_group_size=300) == texts


def test_nested_column() -> None:
    table = pa.table({"meta": [{"text": "in", "id": 1}, None], "id": [1, 2]})
    assert parquet_texts(table, "meta.text") == ["in"]
    with pytest.raises(CorpusError, match=r"^row 1: no field 'meta.body'; it has 'meta.text', "):
        parquet_texts(table, "meta.body")


def test_missing_column_and_column_without_text() -> None:
    table = pa.table({"id": [1], "raw": [b"x"]})
    with pytest.raises(
        CorpusError,
        match=r"^no column 'text'; it has 'id', 'raw'; name one of them as the text field",
    ):
        parquet_texts(table)
    with pytest.raises(CorpusError, match=r"^row 1: field 'id' is a number, not text"):
        parquet_texts(table, "id")
    with pytest.raises(CorpusError, match=r"^row 1: field 'raw' is bytes, not text"):
        parquet_texts(table, "raw")


def test_column_that_is_not_utf_8() -> None:
    raw = pa.array([b"good", b"\xff"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    with pytest.raises(CorpusError, match=r"^column 'text' is not UTF-8 text within the 256 rows"):
        parquet_texts(pa.table({"text": text}))


def test_damaged_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"text {i}" for i in range(1000)]}), path)
    whole = path.read_bytes()
    with open_corpus(path) as text:
        assert (text.corpus.name, text.corpus.n_documents) == ("a", 1000)
    for raw in (whole[:-20], b"plain text", whole[:4] + b"\x99" * 200 + whole[204:]):
        path.write_bytes(raw)
        with pytest.raises(CorpusError, match=r"a\.parquet: cut short or damaged as") as caught:
            open_corpus(path)
        assert "\n" not in str(caught.value)
