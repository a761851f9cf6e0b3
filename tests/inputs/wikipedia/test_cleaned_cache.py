import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from embstore.errors import CorpusError
from embstore.inputs import formats
from embstore.inputs.corpus import open_corpus
from embstore.inputs.wikipedia import cleaned_cache
from embstore.inputs.wikipedia.mediawiki import read_articles
from tests.inputs.test_corpus import DUMP


@pytest.fixture
def dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dump that counts as large, beside an empty cache folder."""
    monkeypatch.setenv("EMBSTORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cleaned_cache, "_MIN_BYTES", 100)
    path = tmp_path / "wiki.xml"
    path.write_text(DUMP)
    return path


@pytest.fixture
def cleanings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that a dump is cleaned."""
    counted: list[str] = []

    def count(stream: IO[bytes]) -> Iterator[str]:
        counted.append("again")
        return read_articles(stream)

    monkeypatch.setattr(formats, "read_articles", count)
    return counted


def kept(dump: Path) -> list[Path]:
    return sorted((dump.parent / "cache" / "cleaned").glob("*"))


def facts_and_text(dump: Path) -> tuple[object, str, list[str]]:
    with open_corpus(dump) as text:
        texts = [text.read_text(at, text.n_bytes)[0] for at in range(text.n_texts)]
        return text.corpus, text.read(0, text.n_bytes), texts


def test_second_time_gives_the_same_without_cleaning(dump: Path, cleanings: list[str]) -> None:
    first = facts_and_text(dump)
    assert [path.suffix for path in kept(dump)] == [".json", ".places", ".txt"]
    assert kept(dump)[2].read_text() == first[1]
    assert facts_and_text(dump) == first
    assert len(cleanings) == 1


def test_text_stays_after_it_was_read(dump: Path) -> None:
    facts_and_text(dump)
    facts_and_text(dump)
    assert len(kept(dump)) == 3


def test_name_is_not_kept_with_the_text(dump: Path, cleanings: list[str]) -> None:
    facts_and_text(dump)
    renamed = dump.rename(dump.with_name("other.xml"))
    with open_corpus(renamed) as text:
        assert (text.corpus.name, text.corpus.source) == ("other", "other.xml")
    assert len(cleanings) == 1


def test_changed_dump_and_changed_cleaning_are_cleaned_again(
    dump: Path, cleanings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    facts_and_text(dump)
    dump.write_text(DUMP.replace(" one", " uno"))
    assert "uno" in facts_and_text(dump)[1]
    monkeypatch.setattr(cleaned_cache, "version", lambda _: "0.0")
    facts_and_text(dump)
    assert len(cleanings) == 3


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("raw", [b"", b"{}", b"changed", bytes(16)])
def test_damaged_entry_is_replaced(
    raw: bytes, which: int, dump: Path, cleanings: list[str]
) -> None:
    first = facts_and_text(dump)
    kept(dump)[which].write_bytes(raw)
    assert facts_and_text(dump) == first
    assert facts_and_text(dump) == first
    assert len(cleanings) == 2


def test_small_and_very_large_dumps_and_other_kinds_are_not_kept(
    dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = dump.with_name("notes.txt")
    notes.write_text("word " * 99)
    facts_and_text(notes)
    monkeypatch.setattr(cleaned_cache, "_MAX_BYTES", 200)
    facts_and_text(dump)
    monkeypatch.undo()
    assert dump.stat().st_size < cleaned_cache._MIN_BYTES == 1_000_000
    assert kept(dump) == []


def test_dump_without_text_is_not_kept(dump: Path) -> None:
    dump.write_text(DUMP.replace("<ns>0", "<ns>1"))
    with pytest.raises(CorpusError, match="no text is left"):
        open_corpus(dump)
    assert kept(dump) == []


def test_cache_that_cannot_be_written_is_done_without(dump: Path) -> None:
    (dump.parent / "cache").write_text("a file")
    assert facts_and_text(dump)[1]
    assert facts_and_text(dump)[1]


def test_full_cache_keeps_no_part(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("embstore.inputs.wikipedia.cleaned_cache.shutil.copyfileobj", fill)
    assert facts_and_text(dump)[1]
    assert kept(dump) == []


def test_packed_dump(dump: Path, cleanings: list[str]) -> None:
    packed = dump.with_name("wiki.zip")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(dump, "wiki.xml")
    with open_corpus(packed) as first, open_corpus(packed) as second:
        assert first.corpus == second.corpus
        text = second.read(0, second.n_bytes)
    assert hashlib.sha256(text.encode()).hexdigest() == second.corpus.sha256
    assert json.loads(kept(dump)[0].read_bytes())["n_chars"] == len(text)
    assert len(cleanings) == 1
