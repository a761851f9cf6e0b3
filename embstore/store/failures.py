"""DuckDB's errors as one line that says what was found and what to do."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from embstore.common.messages import listed, one_line
from embstore.errors import QueryError, StoreError, StoreLockedError, StoreVersionError
from embstore.store import migration

_HOLDER = re.compile(r"PID (\d+)")
_LONGEST = 400


def duckdb_message(error: BaseException) -> str:
    """Return DuckDB's message without its class, source excerpt and line breaks.

    Hints ("Did you mean", "Candidate bindings") stay.
    """
    text = str(error).split("\nLINE ")[0].split("\n\nPossible solutions")[0]
    text = re.sub(r"^[A-Z][A-Za-z -]* Error: ", "", text.strip())
    return one_line(text, longest=_LONGEST)


def query_error(error: BaseException) -> QueryError:
    """Explain why a statement failed."""
    said = duckdb_message(error)
    if str(error).startswith("Out of Memory Error"):
        return QueryError(
            f"the statement needs more memory than it may take ({said}): allow more, or ask for "
            "less"
        )
    return QueryError(said)


def inner_error(error: BaseException) -> QueryError:
    """Explain that DuckDB, not the statement, is at fault; by chance, or for a damaged file."""
    said = duckdb_message(error).split(" Stack Trace:")[0]
    return QueryError(
        f"DuckDB failed inside itself ({said}): ask again; if it fails again, look at the store "
        "with `embstore verify`"
    )


def is_locked(error: BaseException) -> bool:
    """Say whether another process holds the file."""
    return "Could not set lock on file" in str(error)


def opening_error(path: Path, error: duckdb.Error, waited: float) -> StoreError:
    """Explain why DuckDB could not open ``path``."""
    text = str(error)
    if is_locked(error):
        holder = _HOLDER.search(text)
        who = f"process {holder[1]}" if holder else "another process"
        return StoreLockedError(
            f"{path} is locked by {who} (waited {waited:g} s): wait until that process has "
            "finished, or wait longer with EMBSTORE_LOCK_TIMEOUT=SECONDS"
        )
    if "different configuration" in text:
        return StoreLockedError(
            f"{path} is already open in this process ({os.getpid()}) on another DuckDB "
            "connection: close that one first"
        )
    if "we can only read versions" in text:
        found = re.search(r"version number (\d+)", text)
        return StoreVersionError(
            f"{path} has DuckDB storage version {found[1] if found else 'unknown'}, newer than "
            f"duckdb {duckdb.__version__} can read: upgrade the duckdb package"
        )
    # DuckDB takes a SQLite file for one to open with an extension.
    if "not a valid DuckDB database" in text or "external extensions" in text:
        found_size = path.stat().st_size
        what = "an empty file" if found_size == 0 else f"a file of {found_size} bytes"
        return StoreError(
            f"{path} is {what}, but not a DuckDB file: move it away, or name "
            "another file as the store"
        )
    if "Permission denied" in text or "Read-only file system" in text:
        return StoreError(
            f"{path} cannot be opened: permission denied; change its permissions, or "
            "name another file as the store"
        )
    return StoreError(
        f"{path} cannot be opened ({duckdb_message(error)}): restore it from a copy, or "
        "name another file as the store"
    )


def writing_error(path: Path, error: BaseException) -> StoreError:
    """Explain why a transaction on ``path`` failed."""
    if "Corrupt database file" in str(error):
        return StoreError(
            f"{path} could not be written ({duckdb_message(error)}), and nothing was stored: "
            "restore it from a copy"
        )
    return StoreError(
        f"{path} could not be written ({duckdb_message(error)}), and nothing was stored: check the "
        "disk's free space and the file's permissions, then run the same command again"
    )


def reading_error(place: Path | str, error: BaseException) -> StoreError:
    """Explain why a store opened but could not be read."""
    return StoreError(
        f"{place} could not be read ({duckdb_message(error)}): restore it from a copy"
    )


def changed_by_hand(place: str, missing: Sequence[str]) -> StoreError:
    """Say that a store lacks what embstore has made in it."""
    return StoreError(
        f"{place} was changed by other hands, and lacks {listed(missing)}: restore it from a copy"
    )


def opened_with_tags(place: str) -> StoreError:
    """Say that a part of a store is only asked."""
    return StoreError(f"{place} was opened with tags, to be asked: open it without them")


def newer_store(path: Path | str, found: str) -> StoreVersionError:
    """Say that the store's schema is one this embstore does not know."""
    return StoreVersionError(
        f"{path} has schema {found}, newer than this embstore's {migration.HEAD}: upgrade embstore"
    )
