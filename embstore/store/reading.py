"""Where questions read: the store itself, or of an older one a copy that was migrated.

A question never changes a store. One that an older embstore wrote may be on a read-only disk,
be held by a notebook, or be used by others with their older embstore.
"""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import duckdb

from embstore.common.messages import reason_of
from embstore.errors import StoreError
from embstore.store import migration
from embstore.store.copies import Signature, copy_at_rest, signature
from embstore.store.failures import newer_store, reading_error
from embstore.store.locking import thread_lock
from embstore.store.places import Place
from embstore.store.session import Connect, reading, reading_file, writing
from embstore.store.temporary import copy_of, make_copy

_LOG = logging.getLogger(__name__)

# Read-only connections that further questions use. Changed only under a file's thread lock.
_held: dict[tuple[Place, Connect | None], duckdb.DuckDBPyConnection] = {}


@contextlib.contextmanager
def asking(
    place: Place, timeout: float, connect: Connect | None = None, *, memory: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a read-only connection to the current schema; within ``holding`` the one that is open.

    ``connect`` opens it where it is not the whole file that is read. One that is open has the
    memory that it has.

    Raises:
        StoreError: the file cannot be opened, was locked for ``timeout`` seconds, is of a
            newer schema, or is of an older one and cannot be copied.
    """
    with thread_lock(place):
        if (place, connect) in _held:
            yield _held[place, connect]
            return
        if connect:
            opened = reading(place, timeout, connect)
        else:
            # A file: every other place has something that opens it.
            opened = _current(cast("Path", place), timeout, memory)
        with opened as connection:
            yield connection


@contextlib.contextmanager
def examining(path: Path, timeout: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a read-only connection to a file, whatever is in it; within ``holding`` the open one.

    Raises:
        StoreError: the file cannot be opened, or was locked for ``timeout`` seconds.
    """
    with thread_lock(path):
        if (path, None) in _held:
            yield _held[path, None]
            return
        with reading_file(path, timeout) as connection:
            yield connection


@contextlib.contextmanager
def holding(place: Place, timeout: float, connect: Connect | None = None) -> Iterator[None]:
    """Let all reading of this thread share one connection: opening one outlasts most questions.

    Other threads take their turn afterwards, and nobody writes to the file meanwhile.

    Raises:
        StoreError: as ``asking``.
    """
    with asking(place, timeout, connect) as connection:
        if (place, connect) in _held:
            yield
            return
        _held[place, connect] = connection
        try:
            yield
        finally:
            del _held[place, connect]


def is_held(place: Place, connect: Connect | None) -> bool:
    """Say whether this thread holds a connection to a store, with other threads waiting."""
    with thread_lock(place):
        return (place, connect) in _held


def current_file(path: Path, timeout: float) -> Path:
    """Return the file to read: the store's own, or of an older store its migrated copy.

    Raises:
        StoreError: as ``asking``.
    """
    with thread_lock(path):
        with _current(path, timeout, None):
            pass
        return copy_of(path, signature(path)) or path


def revision_of(place: Path | str, connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return which schema a store has; None if it has none.

    Raises:
        StoreError: the file is damaged.
    """
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except duckdb.CatalogException:
        return None
    except duckdb.Error as error:
        raise reading_error(place, error) from error
    return str(row[0]) if row else None


@contextlib.contextmanager
def _current(path: Path, timeout: float, memory: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    copy = copy_of(path, signature(path))
    if copy is None:
        with reading_file(path, timeout, memory=memory) as connection:
            found = revision_of(path, connection)
            if found is None or found == migration.HEAD:
                yield connection
                return
        if not migration.is_known(found):
            raise newer_store(path, found)
        copy = _migrate_copy(path, found, timeout)
    with reading_file(copy, timeout, memory=memory) as connection:
        yield connection


def _migrate_copy(path: Path, found: str, timeout: float) -> Path:
    """Copy an older store to a temporary folder, and migrate the copy."""

    def fill(copy: Path) -> Signature:
        of = copy_at_rest(path, copy, timeout)
        with writing(copy, timeout) as connection:
            migration.upgrade(connection)
        return of

    try:
        copy = make_copy(path, path.name, fill)
    except Exception as error:
        raise no_migrated_copy(path, found, error) from error
    tell_migrated_copy(path, found)
    return copy


def no_migrated_copy(place: object, found: str, error: Exception) -> StoreError:
    """Say why an older store cannot be asked."""
    reason = error.strerror if isinstance(error, OSError) else reason_of(error)
    return StoreError(
        f"{place} has schema {found}, older than this embstore's {migration.HEAD}, and no migrated "
        f"copy could be made to answer from ({reason}): make room in {tempfile.gettempdir()}, or "
        "migrate the store itself with `embstore migrate`"
    )


def tell_migrated_copy(place: object, found: str) -> None:
    """Say that an older store is answered from a copy."""
    _LOG.warning(
        "%s has schema %s, older than this embstore's %s: answered from a migrated temporary copy, "
        "the store stays as it is (embstore migrate brings it up to date)",
        place,
        found,
        migration.HEAD,
    )
