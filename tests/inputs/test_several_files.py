"""Texts in folders, by patterns, from standard input, and as data sets that were saved."""

import gzip
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from embstore.errors import CorpusError, UsageError
from embstore.inputs.corpus import open_corpus


def read(spec: str | Path, text_field: str | None = None) -> tuple[str, str, int]:
    """Name, whole text and number of documents."""
    with open_corpus(spec, text_field=text_field) as text:
        return text.corpus.name, text.read(0, text.n_bytes), text.corpus.n_documents


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Texts of three formats, in two folders, beside what is none."""
    top = tmp_path / "notes"
    (top / "more").mkdir(parents=True)
    (top / "b.txt").write_text("two")
    (top / "a.jsonl").write_text('{"text": "one", "body": "eins"}\n{"text": "uno", "body": "x"}')
    (top / "more" / "c.txt.gz").write_bytes(gzip.compress(b"three"))
    (top / "LICENSE.md").write_text("not a text of the corpus")
    (top / ".hidden.txt").write_text("hidden")
    (top / ".git").mkdir()
    (top / ".git" / "d.txt").write_text("hidden, too")
    return top


def test_a_folder_is_its_files_in_the_order_of_their_paths(folder: Path) -> None:
    assert read(folder) == ("notes", "one\n\nuno\n\ntwo\n\nthree", 4)


def test_a_field_is_of_those_files_that_have_fields(folder: Path) -> None:
    assert read(folder, "body")[1] == "eins\n\nx\n\ntwo\n\nthree"


@pytest.mark.parametrize(
    ("pattern", "name", "text"),
    [
        ("*.txt", "*.txt", "two"),
        ("**/*.txt*", "*.txt*", "two\n\nthree"),
        ("[ab].*", "[ab].*", "one\n\nuno\n\ntwo"),
    ],
)
def test_a_pattern_is_the_files_that_fit_it(
    pattern: str, name: str, text: str, folder: Path
) -> None:
    assert read(f"{folder}/{pattern}")[:2] == (name, text)


def test_a_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    file = tmp_path / "notes[1].txt"
    file.write_text("one")
    assert read(file)[:2] == ("notes[1]", "one")


def test_the_same_text_has_the_same_fingerprint_however_it_lies(
    folder: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.txt"
    whole.write_text("two\n\nthree")
    with open_corpus(f"{folder}/**/*.txt*") as several, open_corpus(whole) as one:
        assert several.corpus.sha256 == one.corpus.sha256


@pytest.mark.parametrize(
    ("spec", "field", "error", "message"),
    [
        (".", None, CorpusError, "without a text that is known by its suffix"),
        ("*.txt", None, CorpusError, "no file fits this pattern"),
        ("notes/*", None, CorpusError, r"LICENSE\.md, which fits this pattern, is of a format"),
        ("notes/*.txt", "text", UsageError, "none of the 1 files has fields"),
        ("notes/a*", "absent", CorpusError, r"a\.jsonl: line 1: no field 'absent'"),
    ],
)
def test_what_is_wrong_is_said(
    spec: str,
    field: str | None,
    error: type[Exception],
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = folder.parent
    if spec == ".":
        where = folder.parent / "empty"
        where.mkdir()
    monkeypatch.chdir(where)
    with pytest.raises(error, match=message):
        open_corpus(spec, text_field=field)


def test_a_file_that_is_damaged_is_named(folder: Path) -> None:
    (folder / "more" / "c.txt.gz").write_bytes(gzip.compress(b"three" * 1000)[:-20])
    with pytest.raises(CorpusError, match=r"c\.txt\.gz"):
        open_corpus(folder)


class _Sent(io.BytesIO):
    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("sent", "field", "text"),
    [
        (b"\xef\xbb\xbfone\r\ntwo", None, "one\ntwo"),
        (b'{"text": "one"}\n{"text": "two"}\n', "text", "one\n\ntwo"),
    ],
)
def test_standard_input(
    sent: bytes, field: str | None, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = SimpleNamespace(buffer=_Sent(sent), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stream)
    assert read("-", field)[:2] == ("stdin", text)


def test_a_terminal_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(CorpusError, match="nothing is sent to standard input"):
        open_corpus("-")


def test_a_data_set_that_was_saved(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    rows = Dataset.from_dict({"text": ["one", "two"], "n": [1, 2]})
    rows.save_to_disk(tmp_path / "saved")
    DatasetDict({"train": rows, "test": rows.select([1])}).save_to_disk(tmp_path / "splits")
    assert read(tmp_path / "saved") == ("saved", "one\n\ntwo", 2)
    assert read(f"hf:{tmp_path / 'splits'}:test") == ("splits:test", "two", 1)
    with pytest.raises(CorpusError, match="no split 'absent'; it has train, test"):
        open_corpus(f"hf:{tmp_path / 'splits'}:absent")
    with pytest.raises(CorpusError, match="no column 'body'"):
        open_corpus(tmp_path / "saved", text_field="body")
