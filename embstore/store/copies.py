"""Copies a store's file with the logs beside it, which are data too."""

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from embstore.common.files import flush_folder
from embstore.errors import StoreLockedError

# What DuckDB keeps beside its file: changes that are not in it yet.
LOGS = (".wal", ".wal.checkpoint", ".wal.recovery")
_PAUSE = 0.05
_CHUNK_BYTES = 1 << 22

# Of the file and its logs: which one it is, its size, and when it was changed; None without it.
Signature = tuple[tuple[int, ...] | None, ...]


def files_of(path: Path) -> list[Path]:
    """Return the files that a store consists of: its own, and the logs that are there."""
    logs = [_beside(path, suffix) for suffix in LOGS]
    return [path, *(log for log in logs if log.exists())]


def signature(path: Path) -> Signature:
    """Return what changes whenever a store does; asking the file system is enough for it."""
    return tuple(_facts(_beside(path, suffix)) for suffix in ("", *LOGS))


def copy_at_rest(path: Path, target: Path, timeout: float) -> Signature:
    """Copy a store that nobody writes to meanwhile; return the signature of what was copied.

    It takes no lock, so that it works beside readers. If the store changes while it is
    copied, the copy is made again.

    Raises:
        StoreLockedError: it did not come to rest for ``timeout`` seconds.
        OSError: a file cannot be read, or the copy not be written.
    """
    deadline = time.monotonic() + timeout
    while True:
        before = signature(path)
        for suffix in ("", *LOGS):
            copied = _beside(target, suffix)
            copied.unlink(missing_ok=True)
            try:
                shutil.copyfile(_beside(path, suffix), copied)
            except FileNotFoundError:
                if not suffix:
                    raise
        if signature(path) == before:
            return before
        if time.monotonic() >= deadline:
            raise StoreLockedError(
                f"{path} is being written to all the time (waited {timeout:g} s): ask again later"
            )
        time.sleep(_PAUSE)


@contextlib.contextmanager
def open_for_copying(path: Path) -> Iterator[BinaryIO]:
    """Open a store's file before DuckDB does, and close it after that.

    A process that closes any handle of a file loses all its locks on it (POSIX), and so
    DuckDB's: whoever copies a file that is locked by this process must not close it before.
    """
    with path.open("rb") as handle:
        yield handle


def back_up(handle: BinaryIO, path: Path, target: Path) -> None:
    """Copy a store that this process holds, whole or not at all, and onto the disk.

    Args:
        handle: of ``open_for_copying``.
        path: the store.
        target: the copy's name in the same folder, which must be free, also for its logs.

    Raises:
        OSError: the copy cannot be written.
    """
    handle.seek(0)
    # Called like the store, so that what a kill leaves is replaced by the next copy.
    partial = path.with_name(f".{path.name}.partial")
    remove(partial)
    _check_room(path)
    logs = files_of(path)[1:]
    try:
        _write(handle, partial)
        for log in logs:
            with log.open("rb") as source:
                _write(source, _beside(partial, log.name.removeprefix(path.name)))
        shutil.copystat(path, partial)
        # The file itself comes last: without its logs it would be taken for whole.
        for part in reversed(files_of(partial)):
            part.rename(_beside(target, part.name.removeprefix(partial.name)))
        flush_folder(target.parent)
    except BaseException:
        for copy in (partial, target):
            remove(copy)
        raise


def remove(path: Path) -> None:
    """Delete a copy with its logs."""
    for file in files_of(path):
        file.unlink(missing_ok=True)


def _check_room(path: Path) -> None:
    """Raise what filling the disk would, without filling it."""
    size = sum(file.stat().st_size for file in files_of(path))
    free = shutil.disk_usage(path.parent).free
    if free < size:
        said = f"{size / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free"
        raise OSError(errno.ENOSPC, said)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")


def _write(source: BinaryIO, target: Path) -> None:
    with target.open("xb") as copy:
        shutil.copyfileobj(source, copy, _CHUNK_BYTES)
        copy.flush()
        os.fsync(copy.fileno())


def _facts(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    # The last cannot be set back, as the time of a restored file is.
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
