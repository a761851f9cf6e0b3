"""Takes passwords out of messages: other libraries' messages quote what they were given."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

# As in a libpq string or in an address.
_NAMED = re.compile(r"(\b(?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s'\"]+)", re.IGNORECASE)
# A path has one slash where an address has two.
_IN_URI = re.compile(r"(\w+:/{1,2}[^\s/:@]*:)\S+@")
_HIDDEN = "***"
# What stands before the password in a line of a password file.
_FIELDS = re.compile(r"(?:(?:[^\\:]|\\.)*:){4}")


def without_secrets(message: str) -> str:
    """Return a message in which every password that this process could know is hidden.

    >>> without_secrets("no connection: host=db password=geheim user=me")
    'no connection: host=db password=*** user=me'
    """
    for secret in _known():
        message = message.replace(secret, _HIDDEN)
    message = _NAMED.sub(rf"\g<1>{_HIDDEN}", message)
    return _IN_URI.sub(rf"\g<1>{_HIDDEN}@", message)


def _known() -> Iterator[str]:
    """Give the passwords in the places that libpq looks in, the longest first."""
    found = {os.environ.get("PGPASSWORD", ""), os.environ.get("PGSSLPASSWORD", "")}
    file = Path(os.environ.get("PGPASSFILE") or "~/.pgpass").expanduser()
    with contextlib.suppress(OSError, UnicodeError):
        for line in file.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                # Colons and backslashes in it are written with a backslash.
                fields = _FIELDS.match(line)
                found.add(re.sub(r"\\(.)", r"\1", line[fields.end() :]) if fields else "")
    yield from sorted(found - {""}, key=len, reverse=True)
