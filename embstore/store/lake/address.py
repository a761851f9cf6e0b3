"""The address of a lake: ``ducklake:postgres:dbname=… host=…?data_path=…``.

What stands before the question mark is for PostgreSQL, as its own programs take it. A password is
refused there, for addresses are written into scripts, shown in messages and seen by everybody in
the list of processes.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

from embstore.common.messages import closest, listed
from embstore.errors import StoreError
from embstore.store.lake.server import connection_words

SCHEME = "ducklake:postgres:"
_WANTED = (
    "write it as 'ducklake:postgres:dbname=NAME host=SERVER', and where a new one is made, with "
    "'?data_path=FOLDER' at its end"
)
_SECRET = (
    "password",
    "sslpassword",
    "oauth_client_secret",
    # Who has it needs no password.
    "scram_client_key",
)
_URIS = ("postgres://", "postgresql://")
_OWN = ("data_path", "metadata_schema")
# Of object storage, such as s3://; a Windows drive has one letter.
_REMOTE = re.compile(r"[A-Za-z][\w+.-]+://")


@dataclass(frozen=True)
class LakeAddress:
    """Where a lake is.

    Attributes:
        server: the database that has its catalog, by libpq's words for it, in order; no password.
        schema: the database's schema with the catalog's tables; None for ``public``.
        data_path: where a new lake's Parquet files go, absolute; None for where they are. The
            lake is the same with and without it.
    """

    server: tuple[tuple[str, str], ...]
    schema: str | None = None
    data_path: str | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, address: str) -> Self:
        """Read an address.

        Raises:
            StoreError: it is none, or has a password in it.
        """
        if not address.startswith(SCHEME):
            raise StoreError(f"{_before_secrets(address)} is no lake of PostgreSQL: {_WANTED}")
        words, own = _split(address.removeprefix(SCHEME))
        server = connection_words(words)
        if secrets := [name for name in _SECRET if server.get(name)]:
            raise StoreError(
                f"the address of the lake has a {secrets[0]} in it, which others could see: keep "
                "it in PostgreSQL's password file (~/.pgpass) or in PGPASSWORD"
            )
        if not server:
            raise StoreError(f"the address of the lake names no database: {_WANTED}")
        return cls(
            server=tuple(sorted(server.items())),
            schema=own.get("metadata_schema"),
            data_path=_absolute(own["data_path"]) if "data_path" in own else None,
        )

    def __str__(self) -> str:
        """The address as messages show it, without where files go: that is known to the lake."""
        schema = f"?metadata_schema={quote(self.schema, safe='')}" if self.schema else ""
        return f"{SCHEME}{self.words}{schema}"

    @property
    def words(self) -> str:
        """What libpq takes to connect to the database."""
        return libpq_words(self.server)

    @property
    def name(self) -> str:
        """The database's name, or what else there is to call it by."""
        words = dict(self.server)
        return words.get("dbname") or words.get("service") or words.get("host") or "lake"


def is_lake(name: str) -> bool:
    """Say whether a store's name is the address of a lake."""
    return name.startswith("ducklake:")


def libpq_words(words: Iterable[tuple[str, str]]) -> str:
    """Write words for libpq as ``key=value …``."""
    return " ".join(f"{key}={_word(value)}" for key, value in words)


def is_remote(data_path: str) -> bool:
    """Say whether files go to object storage, and not to a folder."""
    return _REMOTE.match(data_path) is not None


def _split(text: str) -> tuple[str, dict[str, str]]:
    """Split the server's part from embstore's own words behind the last question mark."""
    words, mark, query = text.rpartition("?")
    if not mark:
        return text, {}
    own: dict[str, str] = {}
    theirs = []
    for part in query.split("&"):
        key, _, value = part.partition("=")
        if key not in _OWN:
            theirs.append(part)
        elif not value:
            raise StoreError(f"{key} of a lake's address is empty: name it")
        else:
            own[key] = unquote(value)
    if not theirs:
        return words, own
    if words.startswith(_URIS):
        # Options of the server's own.
        return f"{words}?{'&'.join(theirs)}", own
    wrong = theirs[0].partition("=")[0]
    raise StoreError(
        f"{wrong!r} is nothing that a lake's address may have behind its question mark"
        f"{closest(wrong, _OWN)}; it may have {listed(_OWN)}"
    )


def _absolute(folder: str) -> str:
    """Return where files go as every machine sees it, with a slash at its end."""
    if is_remote(folder):
        return f"{folder.rstrip('/')}/"
    return f"{Path(os.path.realpath(Path(folder).expanduser()))}/"


def _word(value: str) -> str:
    r"""Quote a value for libpq.

    >>> _word("lab one's")
    "'lab one\\'s'"
    """
    if value and re.fullmatch(r"[^\s'\\]+", value):
        return value
    escaped = value.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"


def _before_secrets(address: str) -> str:
    """Return how an address begins: what follows might be a password."""
    return repr(f"{address[:20]}…" if len(address) > 20 else address)
