import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from embstore.errors import CorpusError
from embstore.inputs.wikipedia.download import ResumingDownload

CONTENT = bytes(range(256)) * 4096


@dataclass
class Site:
    """A server of one file, and how it is to misbehave; keeps the ranges it was asked for."""

    url: str = ""
    content: bytes = CONTENT
    # How many bytes each answer in turn carries before the connection is dropped.
    breaks: list[int] = field(default_factory=list)
    # Status codes with which it refuses, one request each.
    refusals: list[int] = field(default_factory=list)
    knows_ranges: bool = True
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            site.asked.append(asked)
            if site.refusals:
                self.send_error(site.refusals.pop(0))
                return
            start = int(re.findall(r"\d+", asked)[0]) if asked and site.knows_ranges else 0
            total = len(site.content)
            if start >= total:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{total}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            self.send_header("Content-Length", str(total - start))
            self.end_headers()
            end = start + site.breaks.pop(0) if site.breaks else total
            self.wfile.write(site.content[start:end])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}/enwik8.zip"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield site
        server.shutdown()


def fetch(site: Site, folder: Path, attempts: int = 4) -> bytes:
    download = ResumingDownload(folder / "part", attempts=attempts, pause_s=0.001)
    download(site.url, str(folder / "whole"))
    assert not (folder / "part").exists()
    return (folder / "whole").read_bytes()


def test_whole_file_in_one_request(site: Site, tmp_path: Path) -> None:
    assert fetch(site, tmp_path) == CONTENT
    assert site.asked == [None]


def test_broken_connection_is_taken_up_where_it_broke_off(site: Site, tmp_path: Path) -> None:
    site.breaks = [300_000, 200_000]
    assert fetch(site, tmp_path) == CONTENT
    first, *later = site.asked
    assert first is None
    starts = [int(re.findall(r"\d+", asked or "")[0]) for asked in later]
    # Whole pieces of 64 KiB are kept.
    assert len(starts) == 2
    assert 300_000 - 2**16 <= starts[0] <= 300_000
    assert 200_000 - 2**16 <= starts[1] - starts[0] <= 200_000


def test_next_call_continues_the_one_that_gave_up(site: Site, tmp_path: Path) -> None:
    site.breaks = [400_000]
    with pytest.raises(
        CorpusError, match=r"zip cannot be fetched \(the connection .*; 3\d\d,\d{3} b"
    ):
        fetch(site, tmp_path, attempts=1)
    assert fetch(site, tmp_path) == CONTENT
    assert site.asked[1] is not None


def test_server_without_ranges_sends_all_again(site: Site, tmp_path: Path) -> None:
    site.knows_ranges = False
    site.breaks = [300_000]
    assert fetch(site, tmp_path) == CONTENT
    assert len(site.asked) == 2


def test_part_that_is_already_whole_or_too_long(site: Site, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT)
    assert fetch(site, tmp_path) == CONTENT
    assert site.asked == [f"bytes={len(CONTENT)}-"]
    (tmp_path / "part").write_bytes(CONTENT + b"more")
    assert fetch(site, tmp_path) == CONTENT
    assert site.asked[1:] == [f"bytes={len(CONTENT) + 4}-", None]


def test_busy_server_is_asked_again_and_a_refusal_is_not(site: Site, tmp_path: Path) -> None:
    site.refusals = [503, 429]
    assert fetch(site, tmp_path) == CONTENT
    site.asked.clear()
    site.refusals = [404]
    with pytest.raises(CorpusError, match=r"\(the server answers 404 Not Found\)$"):
        fetch(site, tmp_path)
    assert len(site.asked) == 1


def test_server_that_always_breaks_off_is_given_up(site: Site, tmp_path: Path) -> None:
    site.breaks = [10] * 9
    with pytest.raises(CorpusError, match=r"cannot be fetched \(the connection broke off"):
        fetch(site, tmp_path)
    assert len(site.asked) == 4


def test_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a"
        began = time.monotonic()
        with pytest.raises(CorpusError, match=r"/a cannot be fetched \(there is no connection to"):
            ResumingDownload(tmp_path / "part", pause_s=0.01)(url, str(tmp_path / "whole"))
        # Three pauses of .01, .02 and .04 s.
        assert 0.07 <= time.monotonic() - began < 2
