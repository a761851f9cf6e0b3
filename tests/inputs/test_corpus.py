import bz2
import gzip
import hashlib
import io
import os
import tempfile
import tracemalloc
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embstore.errors import CorpusError
from embstore.inputs.corpus import open_corpus

DUMP = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">'
    "<page><title>A</title><ns>0</ns><revision><text>{0} one</text></revision></page>"
    "<page><title>B</title><ns>0</ns><revision><text>{0} two</text></revision></page>"
    "</mediawiki>"
).format("Öffentliche Körper halten ihre Wörter beisammen. " * 3)


def cleaned(path: Path) -> str:
    with open_corpus(path) as text:
        return text.read(0, text.n_bytes)


def test_plain_text_facts(tmp_path: Path) -> None:
    path = tmp_path / "notes.v2.txt"
    path.write_bytes("\ufeff\r\n Größe\r\nzwei\rdrei\n".encode())
    with open_corpus(path) as text:
        corpus = text.corpus
        assert text.read(0, 1000) == "Größe\nzwei\ndrei\n"
    expected = "Größe\nzwei\ndrei\n".encode()
    assert (corpus.name, corpus.source) == ("notes.v2", "notes.v2.txt")
    assert (corpus.n_documents, corpus.n_chars, corpus.n_bytes) == (1, 16, 18)
    assert corpus.sha256 == hashlib.sha256(expected).hexdigest()


def test_source_names_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "private" / "a.txt"
    path.parent.mkdir()
    path.write_text("text")
    with open_corpus(str(path)) as text:
        assert "private" not in repr(text.corpus)


def test_composed_and_decomposed_letters_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("é e\u0301", encoding="utf-8")
    assert cleaned(path) == "é e\u0301"


@pytest.mark.parametrize(
    ("name", "corpus_name"),
    [
        ("wiki.xml", "wiki"),
        ("wiki.XML.bz2", "wiki"),
        ("wiki.xml.gz", "wiki"),
        ("enwiki-articles1.xml-p000000010p000030302-shortened.bz2", "enwiki-articles1"),
        ("enwiki-articles1.xml-p1p41242", "enwiki-articles1"),
        ("enwik8", "enwik8"),
        ("enwik9.bz2", "enwik9"),
    ],
)
def test_dump_gives_the_same_fingerprint_under_every_name(
    name: str, corpus_name: str, tmp_path: Path
) -> None:
    raw = DUMP.encode()
    packed = {".bz2": bz2.compress(raw), ".gz": gzip.compress(raw)}
    (tmp_path / name).write_bytes(packed.get(Path(name).suffix, raw))
    with open_corpus(tmp_path / name) as text:
        assert text.corpus.name == corpus_name
        assert text.corpus.n_documents == 2
        first, second = text.read(0, text.n_bytes).split("\n\n")
        assert (first[-3:], second[-3:]) == ("one", "two")
        assert text.corpus.sha256 == hashlib.sha256(f"{first}\n\n{second}".encode()).hexdigest()


@pytest.mark.models
def test_excerpt() -> None:
    found = find_spec("gensim")
    assert found is not None, "install gensim with --no-deps: it carries the text"
    assert found.origin is not None
    folder = Path(found.origin).parent / "test" / "test_data"
    (path,) = folder.glob("enwiki-latest-pages-articles1.xml-*.bz2")
    with open_corpus(path) as text:
        assert text.corpus.name == "enwiki-latest-pages-articles1"
        assert text.corpus.n_documents == 106
        assert text.corpus.n_bytes == len(text.read(0, 10**9).encode())
        assert text.read(0, 9) == "Anarchism"


@given(st.text(st.characters(exclude_characters="\0\r", codec="utf-8"), min_size=1), st.data())
def test_ranges_that_tile_the_text_give_each_character_once(body: str, data: st.DataObject) -> None:
    body = "x" + body
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.txt")
        path.write_bytes(body.encode())
        with open_corpus(path) as text:
            end = text.n_bytes
            cuts = sorted(data.draw(st.lists(st.integers(0, end), max_size=8)))
            edges = [0, *cuts, end]
            tiles = [text.read(a, b - a) for a, b in pairwise(edges)]
            assert "".join(tiles) == body
            assert text.read(end, 10) == ""


@pytest.mark.parametrize("boundary", [0, 1, 2, 3])
def test_characters_and_line_ends_across_the_reading_chunks(boundary: int, tmp_path: Path) -> None:
    # Pieces of 2**18 bytes: the four bytes of the emoji, then \r\n, straddle the edge.
    filler = "a" * (2**18 - boundary)
    path = tmp_path / "a.txt"
    path.write_bytes((filler + "😀" + "b" * (2**18 - 5) + "\r\nend").encode())
    assert cleaned(path) == filler + "😀" + "b" * (2**18 - 5) + "\nend"


def test_one_enormous_line_is_never_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "line.txt"
    path.write_bytes(b"word " * 4_000_000)
    tracemalloc.start()
    try:
        with open_corpus(path) as text:
            assert text.corpus.n_chars == 20_000_000
            peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A few pieces of 256 KiB, each as bytes and as text.
    assert peak < 3_000_000


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty.txt": (b"", r"empty \(0 bytes\); give a file with text"),
    "blank.txt": (b"\xef\xbb\xbf \r\n\t\n", r"no text is left after cleaning"),
    "blank.txt.bz2": (bz2.compress(b""), r"no text is left after cleaning"),
    "redirects.xml": (DUMP.replace("<ns>0", "<ns>1").encode(), r"no text is left after cleaning"),
    "zero.txt": (b"a" * 2**18 + b"bc\0d", r"binary, not text \(byte 262,146 is zero\)"),
    "latin.txt": (b"x" * 2**18 + b"\xe9", r"not UTF-8 text \(byte 262,144 is 0xe9\); convert it"),
    "cut.txt": (b"x" * (2**18 - 1) + b"\xc3", r"not UTF-8 text \(byte 262,143 is 0xc3\)"),
    "split.txt": (b"x" * (2**18 - 1) + b"\xc3(", r"not UTF-8 text \(byte 262,143 is 0xc3\)"),
    "wide.txt": ("\ufeffwide".encode("utf-16-le"), r"UTF-16, not UTF-8; convert it"),
    "page.xml": (b"<html></html>", r"not a MediaWiki export: its outermost element is <html>"),
    "cut.xml.bz2": (bz2.compress(DUMP.encode())[:-20], r"cut short or damaged as \.bz2 \(Compr"),
    "bad.txt.bz2": (b"BZh9" + b"junk" * 9, r"cut short or damaged as \.bz2 \(Invalid data"),
    "not.txt.bz2": (b"plain text", r"cut short or damaged as \.bz2 \(Invalid data"),
    "cut.txt.gz": (gzip.compress(b"text" * 99)[:-9], r"cut short or damaged as \.gz \(Compr"),
    "not.txt.gz": (b"plain text", r"cut short or damaged as \.gz \(Not a gzipped file"),
    "paper.pdf": (b"%PDF-1.7", r"suffix '\.pdf' is not known; known are \.txt, \.xml, enwik8"),
    "README": (
        b"text",
        r"the name has no suffix; known are \.txt, .* with \.bz2, \.gz, \.xz, \.zip or \.zst",
    ),
    "a.bz2": (bz2.compress(b"text"), r"the name has no suffix; known are"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_gives_one_line_that_names_it(name: str, tmp_path: Path) -> None:
    raw, message = BAD_FILES[name]
    path = tmp_path / name
    path.write_bytes(raw)
    with pytest.raises(CorpusError, match=message) as caught:
        open_corpus(path)
    assert str(caught.value).startswith(f"corpus {path}: ")
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"absent\.txt: no such file; check the path$"):
        open_corpus(tmp_path / "absent.txt")
    with pytest.raises(CorpusError, match=r": a folder without a text .* of a data set$"):
        open_corpus(tmp_path)
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(CorpusError, match=r": not a regular file; give a file of text$"):
        open_corpus(tmp_path / "pipe.txt")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("text")
    path.chmod(0)

    # Root may read everything, so that the refusal itself has to be staged.
    def refuse(self: Path, mode: str = "r") -> IO[bytes]:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CorpusError, match=r"secret\.txt: cannot be read \(Permission denied\)"):
        open_corpus(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's always full device")
@pytest.mark.parametrize("n_bytes", [10, 1_000_000])
def test_full_disk(n_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * n_bytes)

    def full(**_: object) -> IO[bytes]:
        return Path("/dev/full").open("w+b")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(CorpusError, match=r"No space left on device within .* set TMPDIR to a"):
        open_corpus(path)


def test_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(CorpusError, match=r"a\.txt: no temporary file can be made \(No such file"):
        open_corpus(path)


def test_spools_are_closed_after_use_and_after_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spools: list[io.BytesIO] = []

    def spool(**_: object) -> io.BytesIO:
        spools.append(io.BytesIO())
        return spools[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", spool)
    (tmp_path / "good.txt").write_text("text")
    (tmp_path / "bad.txt").write_bytes(b"text\xff")
    with open_corpus(tmp_path / "good.txt") as text:
        assert not spools[0].closed
        assert text.read(0, 4) == "text"
    with pytest.raises(CorpusError):
        open_corpus(tmp_path / "bad.txt")
    # Of each corpus its text, and where its documents begin.
    assert [each.closed for each in spools] == [True] * 4


def test_nothing_is_left_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    (tmp_path / "a.txt").write_text("text")
    with open_corpus(tmp_path / "a.txt"):
        pass
    assert list(folder.iterdir()) == []
