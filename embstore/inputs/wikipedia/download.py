"""A download over HTTP that goes on where an earlier one broke off."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from embstore.common.messages import one_line
from embstore.errors import CorpusError

_CHUNK_BYTES = 1 << 16
# Seconds to wait for a connection, and for the next bytes.
_TIMEOUT = (5.0, 30.0)
_CONTENT_RANGE = re.compile(r"bytes (?:(?P<start>\d+)-\d+|\*)/(?P<total>\d+|\*)")
_TRY_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True)
class ResumingDownload:
    """A downloader for pooch that keeps what has arrived in ``part`` until all is there.

    A broken connection is taken up again, at most ``attempts`` times in all, with pauses
    that double; what has arrived stays for the next call, in another process too.
    """

    part: Path
    attempts: int = 4
    pause_s: float = 0.5

    def __call__(self, url: str, output_file: str, _pooch: object = None) -> None:
        """Fetch ``url`` and move it to ``output_file``.

        Raises:
            CorpusError: it cannot be fetched; says why and what is kept.
            OSError: the file cannot be written.
        """
        reason = "its length keeps changing"
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(self.pause_s * 2 ** (attempt - 1))
            try:
                if self._is_completed(url):
                    self.part.replace(output_file)
                    return
            except requests.RequestException as error:
                reason = _reason(error)
                if _is_final(error):
                    break
        kept = self._n_bytes()
        progress = f"; {kept:,} bytes are kept to go on from" if kept else ""
        raise CorpusError(f"{url} cannot be fetched ({reason}{progress})")

    def _n_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _is_completed(self, url: str) -> bool:
        """Fetch what is missing in one request, and tell whether all is there."""
        start = self._n_bytes()
        # Compressed on the way, the bytes could not be counted.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            status = response.status_code
            at, total = _content_range(response)
            if status == requests.codes.requested_range_not_satisfiable and start:
                # Nothing is left to send: all is there, or what is there is something else.
                return total == start or self._start_over()
            response.raise_for_status()
            if status == requests.codes.partial_content and at != start:
                return self._start_over()
            with self.part.open("ab" if status == requests.codes.partial_content else "wb") as file:
                for chunk in response.iter_content(_CHUNK_BYTES):
                    file.write(chunk)
        return total is None or self._n_bytes() == total

    def _start_over(self) -> bool:
        self.part.unlink()
        return False


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return where the bytes of the answer begin and how many the whole file has."""
    match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    if match:
        start, total = match["start"], match["total"]
        return (int(start) if start else None), (int(total) if total != "*" else None)
    length = response.headers.get("Content-Length", "")
    return None, (int(length) if length.isdecimal() else None)


def _is_final(error: requests.RequestException) -> bool:
    """Whether asking again cannot help: the server refuses, or the address is wrong."""
    if error.response is not None:
        status = error.response.status_code
        return 400 <= status < 500 and status not in _TRY_LATER
    return isinstance(error, (requests.exceptions.SSLError, ValueError))


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    for kind, reason in (
        (requests.exceptions.ProxyError, "the proxy cannot be reached"),
        (requests.exceptions.SSLError, "the server's certificate is not accepted"),
        (requests.exceptions.Timeout, "the server does not answer in time"),
        (requests.exceptions.ChunkedEncodingError, "the connection broke off"),
        (requests.exceptions.ConnectionError, "there is no connection to the server"),
    ):
        if isinstance(error, kind):
            return reason
    return one_line(error)
