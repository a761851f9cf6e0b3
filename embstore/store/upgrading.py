"""Migrates a store in place: a backup first, then all migrations or none."""

import itertools
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from embstore.common.messages import reason_of
from embstore.errors import StoreError
from embstore.store import migration
from embstore.store.copies import back_up, files_of, open_for_copying, remove
from embstore.store.failures import newer_store
from embstore.store.locking import thread_lock
from embstore.store.reading import revision_of
from embstore.store.session import reading_file, writing
from embstore.store.temporary import discard_copy

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Attempt:
    """How far a migration came: from which schema, and the backup, once it is whole."""

    found: str
    backup: Path | None = None


def upgrade_store(path: Path, timeout: float) -> bool:
    """Bring a store to this embstore's schema; say so, and where the backup of the old one is.

    Returns:
        Whether there was anything to do.

    Raises:
        StoreError: it is newer, is locked, or could not be migrated, and then is as it was.
    """
    try:
        # Opened before DuckDB opens the file, and closed after.
        with thread_lock(path), open_for_copying(path) as handle:
            done = _upgrade(path, timeout, handle)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read ({error.strerror}): change its permissions, or name another "
            "file as the store"
        ) from error
    if done is None:
        return False
    discard_copy(path)
    if done.backup is not None:
        _LOG.warning(
            "%s had schema %s: migrated to %s, after a backup copy to %s",
            path,
            done.found,
            migration.HEAD,
            done.backup,
        )
    return True


def _upgrade(path: Path, timeout: float, handle: BinaryIO) -> _Attempt | None:
    attempt = None
    try:
        with writing(path, timeout) as connection:
            found = migration.current(connection)
            if found == migration.HEAD:
                return None
            if found is None:
                # An empty file: there is nothing to lose.
                migration.upgrade(connection)
                return _Attempt("none")
            _refuse_newer(path, found)
            attempt = _Attempt(found, _back_up(handle, path, found))
            migration.upgrade(connection)
    except Exception as error:
        if attempt is None:
            raise
        raise _failure(path, attempt, error, timeout) from error
    return attempt


def _refuse_newer(path: Path, found: str) -> None:
    if not migration.is_known(found):
        raise newer_store(path, found)


def _back_up(handle: BinaryIO, path: Path, found: str) -> Path:
    """Copy the store beside itself, under a name with its schema and the date."""
    target = _free_name(path, found)
    try:
        back_up(handle, path, target)
    except OSError as error:
        raise StoreError(
            f"{path} has schema {found} and has to be migrated to {migration.HEAD} before it is "
            f"written to, but no backup can be made in {path.parent} ({error.strerror}): make "
            "room there or change its permissions, or move the store"
        ) from error
    return target


def _free_name(path: Path, found: str) -> Path:
    stem = f"{path.stem}.schema-{found}.{datetime.now(UTC):%Y-%m-%d}"
    names = (
        path.with_name(f"{stem}{f'.{n}' if n else ''}{path.suffix}") for n in itertools.count()
    )
    # A log without its store may be all that is left of an older backup.
    return next(name for name in names if not any(file.exists() for file in files_of(name)))


def _failure(path: Path, attempt: _Attempt, error: Exception, timeout: float) -> StoreError:
    """Say that a migration failed; its backup is only needed if the store is not as it was."""
    what = f"{path} could not be migrated from schema {attempt.found} to {migration.HEAD}"
    try:
        with reading_file(path, timeout) as connection:
            whole = revision_of(path, connection) == attempt.found
    except StoreError:
        whole = False
    if whole and attempt.backup is not None:
        remove(attempt.backup)
        return StoreError(f"{what} ({reason_of(error)}), and is as it was")
    return StoreError(f"{what} ({reason_of(error)}): restore it from the backup {attempt.backup}")
