"""A server of objects on loopback that answers what DuckDB asks of S3, and keeps all in memory."""

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape


class _Server(ThreadingHTTPServer):
    """Attributes are ``objects``, by path, and the parts of uploads that are not complete."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        path, query = self._asked()
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "partNumber" in query:
            self.server.parts[query["uploadId"]][int(query["partNumber"])] = content
        else:
            self.server.objects[path] = content
        self._answer(200, ETag=f'"{hashlib.md5(content).hexdigest()}"')

    def do_POST(self) -> None:
        path, query = self._asked()
        content = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if "uploads" in query:
            name = f"upload-{len(self.server.parts)}"
            self.server.parts[name] = {}
            begun = "InitiateMultipartUploadResult"
            self._answer(200, f"<{begun}><UploadId>{name}</UploadId></{begun}>")
        elif "delete" in query:
            for key in re.findall("<Key>(.*?)</Key>", content):
                self.server.objects.pop(f"{path.rstrip('/')}/{unescape(key)}", None)
            self._answer(200, "<DeleteResult></DeleteResult>")
        else:
            parts = self.server.parts[query["uploadId"]]
            self.server.objects[path] = b"".join(parts[number] for number in sorted(parts))
            self._answer(200, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, query = self._asked()
        if "list-type" in query:
            self._answer(200, self._listed(path, query.get("prefix", "")))
            return
        if path not in self.server.objects:
            self._answer(404)
            return
        content = self.server.objects[path]
        asked = self.headers.get("Range")
        if asked is None:
            self._answer(200, content)
            return
        first, last = asked.removeprefix("bytes=").split("-")
        end = min(int(last or len(content)), len(content) - 1)
        where = f"bytes {first}-{end}/{len(content)}"
        self._answer(206, content[int(first) : end + 1], **{"Content-Range": where})

    def do_DELETE(self) -> None:
        path, _ = self._asked()
        self.server.objects.pop(path, None)
        self._answer(204)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _asked(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        return unquote(parts.path), {name: values[0] for name, values in query.items()}

    def _listed(self, bucket: str, prefix: str) -> str:
        base = f"{bucket.rstrip('/')}/"
        found = [path.removeprefix(base) for path in self.server.objects if path.startswith(base)]
        each = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z"
            f"</LastModified><ETag>x</ETag><Size>{len(self.server.objects[base + key])}</Size>"
            "</Contents>"
            for key in found
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{each}</ListBucketResult>"

    def _answer(self, status: int, content: str | bytes = b"", **headers: str) -> None:
        body = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextlib.contextmanager
def object_server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Start a server; give where it is, and the objects that it keeps."""
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", server.objects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
