import bz2
import gzip
import io
import tracemalloc
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embstore.errors import CorpusError, UsageError
from embstore.inputs.corpus import open_corpus
from embstore.inputs.formats import find_source
from tests.inputs.test_corpus import DUMP

RECORDS = b'{"text": "one", "body": "eins"}\r\n\r\n{"text": "two", "body": "zwei"}'


def zipped(name: str, raw: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, raw)
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": ["one", "two"], "body": ["eins", "zwei"]}), file)
    return file.getvalue()


@pytest.mark.parametrize("field", [None, "body"])
@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.jsonl", RECORDS),
        ("a.NDJSON", RECORDS),
        ("a.jsonl.gz", gzip.compress(RECORDS, mtime=0)),
        ("a.ndjson.bz2", bz2.compress(RECORDS)),
        ("a.jsonl.zip", zipped("b", RECORDS)),
        ("a.zip", zipped("folder/b.jsonl", RECORDS)),
        ("a.parquet", parquet()),
        ("a.json", RECORDS),
        ("a.json", b"[" + RECORDS.replace(b"\r\n\r\n", b",") + b"]"),
        ("a.json.gz", gzip.compress(RECORDS, mtime=0)),
        ("a.csv", b'text,body\n"one",eins\ntwo,zwei\n'),
        ("a.tsv.bz2", bz2.compress(b"body\ttext\neins\tone\nzwei\ttwo\n")),
    ],
)
def test_the_same_records_give_the_same_corpus(
    name: str, raw: bytes, field: str | None, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    with open_corpus(path, text_field=field) as text:
        assert (text.corpus.name, text.corpus.source) == ("a", name)
        assert text.corpus.n_documents == 2
        assert text.read(0, 99) == ("one\n\ntwo" if field is None else "eins\n\nzwei")


@pytest.mark.parametrize(
    ("name", "member", "corpus_name"),
    [
        ("enwik8.zip", "enwik8", "enwik8"),
        ("wiki.XML.zip", "dump", "wiki"),
        ("wiki.v2.zip", "dump.xml", "wiki.v2"),
        ("part.zip", "enwiki-articles1.xml-p1p41242", "part"),
    ],
)
def test_dump_in_a_zip(name: str, member: str, corpus_name: str, tmp_path: Path) -> None:
    (tmp_path / "plain.xml").write_text(DUMP)
    (tmp_path / name).write_bytes(zipped(member, DUMP.encode()))
    with open_corpus(tmp_path / "plain.xml") as plain, open_corpus(tmp_path / name) as packed:
        assert packed.corpus.name == corpus_name
        assert packed.corpus.sha256 == plain.corpus.sha256


def test_packed_text_is_never_whole_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "line.txt.zip"
    path.write_bytes(zipped("line.txt", b"word " * 4_000_000))
    tracemalloc.start()
    try:
        with open_corpus(path) as text:
            assert text.corpus.n_chars == 20_000_000
            peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


def test_mixed_line_ends_of_text_in_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.zip"
    # \r\n lies across the edge of two pieces.
    path.write_bytes(zipped("a", b"a" * (2**18 - 1) + b"\r\nb\rc\nd"))
    with open_corpus(path) as text:
        assert text.read(2**18 - 1, 99) == "\nb\nc\nd"


@pytest.mark.parametrize(
    ("name", "raw", "found"),
    [
        (
            "a.txt",
            b"text",
            r"\.txt has no fields, so none is called 'body'; leave out the text field",
        ),
        ("a.zip", zipped("b.xml", DUMP.encode()), r"\.xml has no fields"),
        ("enwik9", DUMP.encode(), r"enwik9 has no fields"),
    ],
)
def test_field_of_a_source_without_fields(
    name: str, raw: bytes, found: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(UsageError, match=rf"^corpus {tmp_path}/{name}: {found}"):
        open_corpus(tmp_path / name, text_field="body")


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        (
            "a.parquet.gz",
            gzip.compress(parquet(), mtime=0),
            r"\.parquet cannot be read from inside a \.gz",
        ),
        ("a.zip", zipped("a.parquet", parquet()), r"\.parquet cannot be read from inside a \.zip"),
        ("a.zip", zipped("a.pdf", b"%PDF"), r"suffix '\.pdf' is not known; known are \.txt"),
        ("a.zip", zipped("a.txt.gz", b""), r"suffix '\.gz' is not known"),
        ("a.zip", zipped("README", b"text"), r"the name has no suffix; .*, and hf:DATASET$"),
        ("a.txt.zip", zipped("a.txt", b"text\0"), r"binary, not text \(byte 4 is zero\)"),
        ("a.txt.zip", zipped("a.txt", b" \r\n"), r"no text is left after cleaning"),
        ("a.jsonl", b"\n\n", r"no text is left after cleaning"),
        ("a.jsonl", b'{"body": "one"}', r"line 1: no field 'text'; it has 'body'; .* text field"),
    ],
)
def test_bad_source(name: str, raw: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(CorpusError, match=rf"^corpus {tmp_path}/{name}: .*{message}"):
        open_corpus(tmp_path / name)


def test_nothing_of_a_text_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff")
    source = find_source(str(tmp_path / "a.txt"), None)
    assert (source.name, source.label) == ("a", "a.txt")
