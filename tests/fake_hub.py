"""A Hub on 127.0.0.1: as much of its interface as downloading a model needs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.hub_cache import blob_name, commit_of, is_large


class FakeHub:
    """Model folders by repository and revision.

    Attributes:
        revisions: folder of each (repository, revision).
        broken: how many of the next requests are answered with an error of the server.
        requests: the path of each one that was answered.
        url: where it listens.
    """

    def __init__(self) -> None:
        self.revisions: dict[tuple[str, str], Path] = {}
        self.broken = 0
        self.requests: list[str] = []
        self.url = ""

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body for a path."""
        if self.broken:
            self.broken -= 1
            return 503, {}, b"busy"
        parts = [unquote(part) for part in urlsplit(path).path.strip("/").split("/")]
        if parts[:2] == ["api", "models"]:
            self.requests.append(path)
            return self._api("/".join(parts[2:4]), parts[4:])
        if parts[2:3] == ["resolve"]:
            self.requests.append(path)
            return self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        return 404, {}, b""

    def _api(self, repository: str, rest: list[str]) -> tuple[int, dict[str, str], bytes]:
        known = [revision for name, revision in self.revisions if name == repository]
        if not known:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        if rest == ["refs"]:
            branches = [
                {"name": name, "ref": f"refs/heads/{name}", "targetCommit": commit_of(name)}
                for name in known
            ]
            return _json({"branches": branches, "tags": [], "converts": []})
        revision = self._named(repository, rest[1] if len(rest) > 1 else "main")
        if revision is None:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        files = [
            _described(file)
            for file in sorted(self.revisions[repository, revision].iterdir())
            if file.is_file()
        ]
        if rest[:1] == ["tree"]:
            return _json([_as_tree(file) for file in files])
        return _json({"id": repository, "sha": commit_of(revision), "siblings": files})

    def _file(self, repository: str, wanted: str, name: str) -> tuple[int, dict[str, str], bytes]:
        revision = self._named(repository, wanted)
        if revision is None:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        file = self.revisions[repository, revision] / name
        if not file.is_file():
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        content = file.read_bytes()
        etag = f'"{blob_name(name, content)}"'
        return 200, {"ETag": etag, "X-Repo-Commit": commit_of(revision)}, content

    def _named(self, repository: str, wanted: str) -> str | None:
        for name, revision in self.revisions:
            if name == repository and wanted in (revision, commit_of(revision)):
                return revision
        return None


def _json(content: object) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()


def _described(file: Path) -> dict[str, object]:
    content = file.read_bytes()
    found: dict[str, object] = {"rfilename": file.name, "size": len(content)}
    found["blobId"] = blob_name(f"{file.name}.git", content)
    if is_large(file.name):
        sha256 = blob_name(file.name, content)
        found["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
    return found


def _as_tree(file: dict[str, object]) -> dict[str, object]:
    entry = {"type": "file", "path": file["rfilename"], "size": file["size"]}
    entry["oid"] = file["blobId"]
    if isinstance(lfs := file.get("lfs"), dict):
        entry["lfs"] = {"oid": lfs["sha256"], "size": lfs["size"], "pointerSize": 134}
    return entry


@contextmanager
def serve() -> Iterator[FakeHub]:
    """Run the Hub in a thread."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = hub.answer(self.path)
            asked = self.headers.get("Range", "")
            if status == 200 and asked.startswith("bytes="):
                first, _, last = asked.removeprefix("bytes=").partition("-")
                end = int(last) + 1 if last else len(body)
                headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(body)}"
                status, body = 206, body[int(first) : end]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that the base class looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """Let the Hub's client reach a Hub on this machine, and wait for nothing."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("embstore.checkpoints.hub._PAUSES", (0.0, 0.0))
    with serve() as running:
        files = f"{running.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", running.url)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", files)
        yield running
