"""What goes wrong with a lake, as one line without passwords that says what to do."""

import re
from typing import TYPE_CHECKING

import duckdb

from embstore.common.messages import one_line
from embstore.errors import StoreError, StoreMissingError, StoreUnreachableError
from embstore.store.failures import duckdb_message
from embstore.store.lake.secrets import without_secrets

if TYPE_CHECKING:
    from embstore.store.lake.address import LakeAddress

_LONGEST = 400
# What PostgreSQL and libpq say where another attempt, a little later, may succeed. Compiled when it
# is needed: that takes as long as many a module.
_PASSING = (
    r"connection refused|server closed the connection|terminating connection|could not connect"
    r"|connection (?:is|was|has been) (?:lost|closed|reset)|the connection is closed"
    r"|connection reset by peer|SSL connection has been closed|no connection to the server"
    r"|is (?:starting up|shutting down|in recovery mode)|too many (?:clients|connections)"
    r"|remaining connection slots|timeout expired|consuming input failed|lost synchronization"
    # Where a connection breaks in the middle, DuckDB fails to end its transaction.
    r'|failed to execute query "(?:ROLLBACK|COMMIT|BEGIN)|current transaction is aborted'
    # DuckLake's own: another wrote in the same moment.
    r"|transaction conflict|exceeded the maximum retry count"
)
_CONNECTING = re.compile(r'Unable to connect to Postgres at ".*": (.*)', re.DOTALL)
_OTHER_PATH = re.compile(
    r'DATA_PATH parameter "([^"]*)" does not match existing data path in the catalog "([^"]*)"'
)


class NoLakeError(StoreMissingError):
    """There is no lake in a database."""


def is_passing(error: BaseException) -> bool:
    """Say whether the reason for an error may be gone in a moment."""
    # DuckDB (1.5.5) also fails inside itself where a server is lost in the middle of an answer.
    inside = isinstance(error, duckdb.InternalException | duckdb.FatalException)
    return inside or re.search(_PASSING, str(error), re.IGNORECASE) is not None


def not_reached(address: "LakeAddress", error: BaseException) -> StoreError:
    """Explain why a lake's server gave no connection, or broke one off."""
    said = _said(error)
    if is_passing(error):
        return StoreUnreachableError(
            f"{address} does not answer ({said}): see whether its PostgreSQL server runs there and "
            "can be reached"
        )
    return StoreError(
        f"{address} cannot be used ({said}): check the names in the address, and the password in "
        "~/.pgpass or PGPASSWORD"
    )


def lake_error(address: "LakeAddress", what: str, error: BaseException) -> StoreError:
    """Explain why DuckDB could not do something with a lake: ``what`` completes the sentence."""
    text = str(error)
    if found := _OTHER_PATH.search(text):
        return StoreError(
            f"{address} has its files in {found[2]}, not in {found[1]}: leave out data_path, or "
            "name that folder"
        )
    if "data_path is not set" in text or "creating a new DuckLake is explicitly disabled" in text:
        return no_lake(address)
    if "Unable to connect to Postgres" in text:
        return not_reached(address, error)
    if "DuckLake" in text and "version" in text and "migrat" in text.lower():
        return StoreError(
            f"{address} was written by another version of DuckLake ({_said(error)}): use that "
            "version, or migrate it with DuckDB"
        )
    if is_passing(error):
        return StoreUnreachableError(f"{address} {what} ({_said(error)}): try again")
    return StoreError(f"{address} {what} ({_said(error)})")


def no_lake(address: "LakeAddress") -> NoLakeError:
    """Say that there is no lake in a database."""
    return NoLakeError(
        f"no lake at {address}: make one with `embstore ingest`, naming the folder for its files "
        "at the end of the address with ?data_path=FOLDER"
    )


def _said(error: BaseException) -> str:
    """Return what a library said, in one line: of a nested message its end, which is the reason."""
    # Of the whole text: where it is cut, half a password would not be recognised.
    whole = without_secrets(str(error))
    found = _CONNECTING.search(whole)
    text = duckdb_message(Exception(found[1] if found else whole)).split(" Stack Trace:")[0]
    return one_line(text.rpartition("FATAL: ")[2].strip(), longest=_LONGEST)
