"""The one door to PostgreSQL, which has the catalog of a lake and lets writers take turns."""

import contextlib
import hashlib
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

from embstore.errors import StoreError, StoreLockedError
from embstore.store.lake.failures import not_reached

if TYPE_CHECKING:
    from types import ModuleType

    import psycopg

    from embstore.store.lake.address import LakeAddress

# SQLSTATE: waited for a lock in vain.
_LOCK_NOT_AVAILABLE = "55P03"
# Milliseconds that PostgreSQL waits at most, three weeks.
_LONGEST = 2**31 - 1
# Seconds until a server that takes the connection, and then says nothing, is given up.
_ANSWER = {"connect_timeout": "10"}
# A connection that only holds the lock may stand behind a firewall that forgets silent ones.
_ALIVE = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}

_HOLDER = """
SELECT activity.application_name
FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
WHERE held.locktype = 'advisory' AND held.granted
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (held.classid::bigint << 32) + held.objid::bigint = %(key)s
"""


def connection_words(text: str) -> dict[str, str]:
    """Return libpq's words for a connection, given as ``key=value …`` or as a URI.

    Raises:
        StoreError: it is neither.
    """
    psycopg = _psycopg()
    try:
        return {key: str(value) for key, value in psycopg.conninfo.conninfo_to_dict(text).items()}
    except psycopg.Error as error:
        # What is wrong with it may quote a part of a password.
        said = str(error).strip()
        what = f" ({said})" if said.startswith("invalid connection option") else ""
        raise StoreError(
            f"the address of the lake is not what PostgreSQL takes{what}: write it as "
            "'ducklake:postgres:dbname=NAME host=SERVER'"
        ) from None


def connecting(address: "LakeAddress") -> dict[str, str]:
    """Return libpq's words to connect to a lake's server: an answer is not waited for for ever."""
    name = f"embstore {socket.gethostname()} {os.getpid()}"[:63]
    return {**_ANSWER, **_ALIVE, "fallback_application_name": name, **dict(address.server)}


class Turn:
    """A writer's turn, while its lock is held."""

    def __init__(self, address: "LakeAddress", connection: "psycopg.Connection") -> None:
        """Take the connection that holds the lock."""
        self._address = address
        self._connection = connection

    def check(self) -> None:
        """Make sure that the lock is still held: it ends with its connection.

        Raises:
            StoreUnreachableError: it is not.
        """
        psycopg = _psycopg()
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise not_reached(self._address, error) from error


@contextlib.contextmanager
def turn_to_write(address: "LakeAddress", timeout: float) -> Iterator[Turn]:
    """Wait until no other process writes to a lake, and keep others from it.

    DuckLake has no unique keys: of two writers that look for the same run at the same time, both
    would store it.

    Raises:
        StoreLockedError: another held it for ``timeout`` seconds; names it.
        StoreUnreachableError: the server cannot be reached, or refuses the connection.
    """
    psycopg = _psycopg()
    key = _lock_key(address)
    with _connected(address) as connection:
        try:
            milliseconds = min(max(1, round(timeout * 1000)), _LONGEST)
            connection.execute(f"SET lock_timeout = {milliseconds}")
            connection.execute("SELECT pg_advisory_lock(%(key)s)", {"key": key})
        except psycopg.Error as error:
            if error.sqlstate != _LOCK_NOT_AVAILABLE:
                raise not_reached(address, error) from error
            raise StoreLockedError(
                f"{address} is written to by {_holder(connection, key)} (waited {timeout:g} s): "
                "wait until that has finished, or wait longer with EMBSTORE_LOCK_TIMEOUT=SECONDS"
            ) from error
        yield Turn(address, connection)


def may_write(address: "LakeAddress") -> str | None:
    """Return what keeps the user from writing to the catalog; None if nothing does.

    Raises:
        StoreUnreachableError: the server cannot be reached, or refuses the connection.
    """
    psycopg = _psycopg()
    schema = address.schema or "public"
    with _connected(address) as connection:
        try:
            (read_only,) = connection.execute("SHOW transaction_read_only").fetchone() or ("",)
            found = connection.execute(
                "SELECT has_schema_privilege(nspname, 'CREATE') FROM pg_namespace "
                "WHERE nspname = %(schema)s",
                {"schema": schema},
            ).fetchone()
            (database,) = connection.execute(
                "SELECT has_database_privilege(current_database(), 'CREATE')"
            ).fetchone() or (False,)
        except psycopg.Error as error:
            raise not_reached(address, error) from error
    if read_only == "on":
        return "its server takes no writes now"
    if not (found[0] if found else database):
        return f"its user may not create tables in the schema {schema!r} of the database"
    return None


@contextlib.contextmanager
def _connected(address: "LakeAddress") -> "Iterator[psycopg.Connection]":
    psycopg = _psycopg()
    try:
        connection = psycopg.connect(**connecting(address), autocommit=True)
    except psycopg.Error as error:
        raise not_reached(address, error) from error
    with contextlib.closing(connection):
        yield connection


def _holder(connection: "psycopg.Connection", key: int) -> str:
    """Say who holds the lock, as its connection calls itself."""
    psycopg = _psycopg()
    with contextlib.suppress(psycopg.Error):
        found = connection.execute(_HOLDER, {"key": key}).fetchone()
        match str(found[0]).split() if found else []:
            case ["embstore", host, process]:
                return f"process {process} on {host}"
    return "another process"


def _lock_key(address: "LakeAddress") -> int:
    """Return the number of a lake's lock; PostgreSQL keeps those of each database apart."""
    name = f"embstore {address.schema or 'public'}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)


def _psycopg() -> "ModuleType":
    """Import psycopg, which only lakes need."""
    try:
        import psycopg
    except ImportError as error:
        raise StoreError(
            "a lake is reached by psycopg, which is missing: pip install 'embstore[lake]'"
        ) from error
    return psycopg
