"""Finds out what is at a path, and creates the store there."""

import contextlib
import os
import uuid
from pathlib import Path

import duckdb

from embstore.errors import StoreError, StoreMissingError
from embstore.store import migration
from embstore.store.copies import remove
from embstore.store.failures import duckdb_message, newer_store, reading_error
from embstore.store.guard import check_bodies, remember
from embstore.store.locking import open_with_retry, thread_lock
from embstore.store.reading import examining
from embstore.store.session import connect_to_write, writing
from embstore.store.upgrading import upgrade_store

_OTHER = "name another file as the store"


def prepare_store(path: Path, timeout: float, *, create: bool, lazy: bool = False) -> None:
    """Create the store if it is missing, migrate it if it is older.

    With ``lazy`` a missing store is not created yet: only its folder is checked. An older one
    is migrated neither then nor for a question: questions have a copy, writing migrates.

    Raises:
        StoreError: what is at ``path`` is not a store and cannot become one.
    """
    _check_path(path)
    if not path.exists():
        if not create:
            raise StoreMissingError(
                f"no store at {path}: make one with `embstore ingest`, or name another file"
            )
        _refuse_stray_log(path)
        if lazy:
            _check_folder_writable(path)
            return
        create_store(path, timeout)
    found = store_revision(path, timeout)
    if found == migration.HEAD:
        return
    if found is None and not create:
        raise StoreMissingError(
            f"{path} has no tables: fill it with `embstore ingest`, or name another file"
        )
    if found is not None and not migration.is_known(found):
        raise newer_store(path, found)
    if create and not lazy:
        upgrade_store(path, timeout)


def _check_folder_writable(path: Path) -> None:
    if not os.access(path.parent, os.W_OK):
        raise StoreError(
            f"{path} could not be created: its folder {path.parent} cannot be written to; change "
            f"its permissions, or {_OTHER}"
        )


def _refuse_stray_log(path: Path) -> None:
    log = path.with_name(f"{path.name}.wal")
    if log.exists():
        raise StoreError(
            f"{log} holds data of a store that is missing: put {path.name} back beside it, or "
            "move it away"
        )


def create_store(path: Path, timeout: float) -> None:
    """Make an empty store, or nothing.

    It is built under another name and then linked to its own: a creation that fails or
    is killed leaves no half-made store, and of two processes creating it one wins.
    """
    _refuse_stray_log(path)
    building = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    try:
        with writing(building, timeout) as connection:
            migration.create(connection)
        _link(building, path)
        remember(path)
    except StoreError as error:
        cause = error.__cause__
        reason = duckdb_message(getattr(cause, "orig", None) or cause or error)
        # Name the store, not the temporary file.
        raise StoreError(
            f"{path} could not be created ({reason.replace(str(building), str(path))}): check "
            f"permissions and free space of its folder, or {_OTHER}"
        ) from error
    finally:
        building.unlink(missing_ok=True)
        building.with_name(f"{building.name}.wal").unlink(missing_ok=True)


def discard_empty(path: Path, timeout: float) -> None:
    """Delete a store that was made for what then failed, unless another process uses it.

    It is deleted while it is locked, so that nobody has written to it.
    """
    with contextlib.suppress(StoreError, OSError), thread_lock(path):
        connection = open_with_retry(path, timeout, lambda: connect_to_write(path))
        with contextlib.closing(connection):
            (row,) = connection.execute(
                "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM failure) "
                "+ (SELECT count(*) FROM score)"
            ).fetchall()
            if row == (0,):
                remove(path)


def _check_path(path: Path) -> None:
    # DuckDB would name the write-ahead log as if the path were a web address.
    if "?" in str(path):
        raise StoreError(f"{path} has a question mark in it: choose a path without one")
    try:
        # What has no end, such as a link to itself, is no place for a new store either.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
        if path.is_dir():
            raise StoreError(f"{path} is a directory: name a file in it as the store")
        if path.exists() and not path.is_file():
            raise StoreError(f"{path} is not a regular file: {_OTHER}")
        if not path.parent.is_dir():
            raise StoreError(
                f"{path} cannot be created, because {path.parent} is not a folder: create it, or "
                f"{_OTHER}"
            )
    except OSError as error:
        raise StoreError(f"{path} cannot be reached ({error.strerror}): {_OTHER}") from error


def store_revision(path: Path, timeout: float) -> str | None:
    """Return the revision of the store's schema, or None if there are no tables.

    Raises:
        StoreError: the file cannot be read, is no store, or has views or macros that are refused.
    """
    with examining(path, timeout) as connection:
        try:
            check_bodies(connection, path)
            found = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            tables = {name for (name,) in found}
            if not tables:
                return None
            if {"alembic_version", "run", "measurement"} <= tables:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
                if row is not None:
                    return str(row[0])
        except duckdb.Error as error:
            raise reading_error(path, error) from error
    names = ", ".join(sorted(tables)[:3])
    raise StoreError(
        f"{path} is a DuckDB file but not an embstore store (its tables: {names}): {_OTHER}"
    )


def _link(source: Path, target: Path) -> None:
    """Give ``source`` the name ``target`` unless that exists already."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        # No hard links on this file system.
        if not target.exists():
            source.rename(target)
