import hashlib
import io
import threading
import zipfile
from pathlib import Path

import pytest

from embstore.errors import CorpusError
from embstore.inputs.corpus import open_corpus
from embstore.inputs.wikipedia import enwik8
from tests.inputs.test_corpus import DUMP
from tests.inputs.wikipedia.test_download import Site, site

__all__ = ["site"]


def archive(raw: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("enwik8", raw)
    return file.getvalue()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and the checksum of a small dump in place of enwik8's."""
    monkeypatch.setenv("EMBSTORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(enwik8, "MD5", hashlib.md5(DUMP.encode()).hexdigest())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def served(site: Site, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A server of the small dump."""
    monkeypatch.setattr(enwik8, "URL", site.url)
    site.content = archive(DUMP.encode())
    return site


@pytest.fixture
def offline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, where the author's page cannot be reached."""
    monkeypatch.setattr(enwik8, "URL", "http://127.0.0.1:1/enwik8.zip")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("embstore.inputs.wikipedia.download.time.sleep", lambda _: None)
    return cache


def test_fetched_once_and_silently(
    served: Site, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        with open_corpus("enwik8") as text:
            assert (text.corpus.name, text.corpus.source) == ("enwik8", "enwik8.zip")
            assert text.corpus.n_documents == 2
    assert served.asked == [None]
    assert {path.name for path in cache.iterdir()} <= {"enwik8.zip", "enwik8.zip.lock"}
    assert capfd.readouterr() == ("", "")


def test_continued_after_the_server_broke_off(served: Site) -> None:
    served.content = archive(DUMP.encode() + b" " * 500_000)
    with zipfile.ZipFile(io.BytesIO(served.content)) as packed:
        md5 = hashlib.md5(packed.read("enwik8")).hexdigest()
    served.breaks = [300_000]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enwik8, "MD5", md5)
        patch.setattr("embstore.inputs.wikipedia.download.time.sleep", lambda _: None)
        assert enwik8.fetch_enwik8().read_bytes() == served.content
    assert len(served.asked) == 2
    assert served.asked[1] is not None


def test_wrong_contents_are_removed(served: Site, cache: Path) -> None:
    served.content = archive(b"something else")
    md5 = hashlib.md5(b"something else").hexdigest()
    with pytest.raises(
        CorpusError,
        match=rf"^corpus enwik8: {cache}/enwik8\.zip is not enwik8 \(MD5 {md5}, expected MD5"
        r" [0-9a-f]{32}\); it has been removed; run it again",
    ):
        open_corpus("enwik8")
    assert not (cache / "enwik8.zip").exists()
    served.content = archive(DUMP.encode())
    open_corpus("enwik8").close()


def test_offline_says_where_the_file_can_be_put(offline: Path) -> None:
    with pytest.raises(
        CorpusError,
        match=r"^corpus enwik8: http://127\.0\.0\.1:1/enwik8\.zip cannot be fetched \(there is no"
        rf" connection to the server\); run it again online, or put the file at {offline}/enwik8",
    ):
        open_corpus("enwik8")


@pytest.mark.parametrize("name", ["enwik8", "enwik8.zip"])
def test_file_put_by_hand_is_checked_and_used(name: str, offline: Path) -> None:
    offline.mkdir()
    raw = {"enwik8": DUMP.encode(), "enwik8.zip": archive(DUMP.encode())}[name]
    (offline / name).write_bytes(raw)
    with open_corpus("enwik8") as text:
        assert (text.corpus.name, text.corpus.n_documents) == ("enwik8", 2)
    (offline / name).write_bytes(raw[:-9])
    with pytest.raises(CorpusError, match=rf"{name} is not enwik8 \(.*, expected MD5"):
        open_corpus("enwik8")
    # What was never downloaded is not ours to remove.
    assert (offline / name).exists() == (name == "enwik8")


def test_file_in_the_working_folder_comes_first(offline: Path, tmp_path: Path) -> None:
    (tmp_path / "enwik8").write_text(DUMP.replace("one", "first"))
    with open_corpus("enwik8") as text:
        assert text.corpus.source == "enwik8"
        assert "first" in text.read(0, 999)


def test_cache_folder_that_cannot_be_made(offline: Path) -> None:
    offline.write_text("a file")
    with pytest.raises(CorpusError, match=rf"the cache folder {offline} cannot be used \(File ex"):
        open_corpus("enwik8")


def test_two_at_once_fetch_it_once(served: Site) -> None:
    threads = [threading.Thread(target=enwik8.fetch_enwik8) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert served.asked == [None]
