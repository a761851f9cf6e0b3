import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from embstore.errors import CorpusError
from embstore.inputs.corpus import open_corpus
from embstore.inputs.wikipedia import enwik8
from tests.inputs.test_corpus import DUMP


@dataclass
class Server:
    """A server of one file, and how it is to misbehave."""

    url: str = ""
    content: bytes = b""
    # How many bytes each answer in turn carries before the connection is dropped.
    breaks: list[int] = field(default_factory=list)
    # Status codes with which it refuses, one request each.
    refusals: list[int] = field(default_factory=list)
    n_requests: int = 0


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.n_requests += 1
            if server.refusals:
                self.send_error(server.refusals.pop(0))
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(server.content)))
            self.end_headers()
            self.wfile.write(server.content[: server.breaks.pop(0) if server.breaks else None])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        server.url = f"http://127.0.0.1:{listening.server_port}/enwik8.zip"
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        listening.shutdown()


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
    # Between two tries pooch sleeps for seconds.
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def served(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server of the small dump."""
    monkeypatch.setattr(enwik8, "URL", server.url)
    server.content = archive(DUMP.encode())
    return server


@pytest.fixture
def offline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, where the author's page cannot be reached."""
    monkeypatch.setattr(enwik8, "URL", "http://127.0.0.1:1/enwik8.zip")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return cache


def test_fetched_once_and_silently(
    served: Server, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        with open_corpus("enwik8") as text:
            assert (text.corpus.name, text.corpus.source) == ("enwik8", "enwik8.zip")
            assert text.corpus.n_documents == 2
    assert served.n_requests == 1
    assert {path.name for path in cache.iterdir()} <= {"enwik8.zip", "enwik8.zip.lock"}
    assert capfd.readouterr() == ("", "")


def test_tried_again_after_the_server_was_busy_and_broke_off(served: Server, cache: Path) -> None:
    served.refusals = [503]
    served.breaks = [len(served.content) // 2, 0]
    assert enwik8.fetch_enwik8().read_bytes() == served.content
    assert served.n_requests == 4
    assert {path.name for path in cache.iterdir()} <= {"enwik8.zip", "enwik8.zip.lock"}


@pytest.mark.parametrize(
    ("refusals", "breaks", "reason"),
    [
        ([404] * 9, [], "the server answers 404 Not Found"),
        ([], [10] * 9, "no connection, or it broke off: ChunkedEncodingError"),
    ],
)
def test_given_up_after_four_tries_with_nothing_left_behind(
    refusals: list[int], breaks: list[int], reason: str, served: Server, cache: Path
) -> None:
    served.refusals, served.breaks = refusals, breaks
    with pytest.raises(
        CorpusError,
        match=rf"^http://127\.0\.0\.1:\d+/enwik8\.zip cannot be fetched \({reason}\); run it again"
        rf" online, or put the file at {cache}/enwik8\.zip$",
    ):
        enwik8.fetch_enwik8()
    assert served.n_requests == 4
    assert {path.name for path in cache.iterdir()} <= {"enwik8.zip.lock"}


def test_wrong_contents_are_removed(served: Server, cache: Path) -> None:
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
        match=r"^corpus enwik8: http://127\.0\.0\.1:1/enwik8\.zip cannot be fetched \(no"
        r" connection, or it broke off: ConnectionError\); run it again online, or put the file at"
        rf" {offline}/enwik8",
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


def test_two_at_once_fetch_it_once(served: Server) -> None:
    threads = [threading.Thread(target=enwik8.fetch_enwik8) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert served.n_requests == 1
