"""A web server on loopback that serves a folder, also in ranges, as data-set hubs do."""

import contextlib
import http.server
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class Served:
    """Where a folder is served, and what was asked for.

    Attributes:
        address: of the folder.
        requests: method and path of each, in order.
        sent: bytes of files that were sent.
    """

    address: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, folder: Path, served: Served, *rest: object) -> None:
        self.folder, self.served = folder, served
        super().__init__(*rest)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Say nothing: a test's output is its own."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.served.requests.append((self.command, self.path))
        file = self.folder / self.path.lstrip("/")
        content = file.read_bytes() if file.is_file() else None
        part = _RANGE.fullmatch(self.headers.get("Range") or "")
        if content is None:
            self._send(404, b"", body=body)
        elif part is None:
            self._send(200, content, body=body)
        else:
            first, last = int(part[1]), int(part[2] or len(content) - 1)
            where = f"bytes {first}-{min(last, len(content) - 1)}/{len(content)}"
            self._send(206, content[first : last + 1], body=body, where=where)

    def _send(self, code: int, content: bytes, *, body: bool, where: str = "") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Accept-Ranges", "bytes")
        if where:
            self.send_header("Content-Range", where)
        self.end_headers()
        if body:
            self.served.sent += len(content)
            self.wfile.write(content)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that leaves, or refuses the certificate, is no error here."""


@contextlib.contextmanager
def serve(folder: Path, *, certificate: Path | None = None) -> Iterator[Served]:
    """Serve a folder while the block runs.

    Args:
        folder: what lies at the address.
        certificate: a file with key and certificate, for https.
    """
    served = Served("")
    server = _Server(("127.0.0.1", 0), partial(_Handler, folder, served))
    scheme = "http"
    if certificate is not None:
        scheme = "https"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    served.address = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
