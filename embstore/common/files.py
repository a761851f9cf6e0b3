"""Writes a result file whole or not at all."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from embstore.common.paths import expanded, is_folder
from embstore.errors import EmbstoreError

# Of the 255 bytes that most file systems allow, some are needed around it.
_LONGEST_NAME = 50


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write beside the target, then rename, so that no reader sees half a file.

    Raises:
        EmbstoreError: the folder is missing or the file cannot be written.
    """
    with whole_file(path) as file:
        file.write(content)


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes its name when all is written; nothing, if that fails.

    A device or pipe (``/dev/stdout``) cannot be renamed over and is written to.

    Raises:
        EmbstoreError: the folder is missing or the file cannot be written.
    """
    target = Path(expanded(path))
    if not is_folder(target.parent):
        raise EmbstoreError(
            f"cannot write {path}: no folder {str(target.parent)!r}; create it first"
        )
    # A link keeps pointing where it did: the file behind it is replaced.
    real = Path(os.path.realpath(target))
    if is_folder(real):
        raise EmbstoreError(f"cannot write {path}: it is a folder; name a file in it")
    partial = real.with_name(f".{real.name[:_LONGEST_NAME]}.{os.getpid()}.partial")
    try:
        # A link that leads to itself has no end to write to.
        if os.path.lexists(real) and not stat.S_ISREG(real.stat().st_mode):
            with real.open("wb") as file:
                yield file
            return
        with partial.open("wb") as file:
            yield file
        partial.replace(real)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EmbstoreError(f"cannot write {path}: {reason}") from error
    finally:
        partial.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, so that it outlasts a power cut.

    Raises:
        OSError: the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        flush_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Make sure that new names in a folder outlast a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
