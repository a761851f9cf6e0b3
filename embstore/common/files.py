"""Writes a result file whole or not at all."""

import contextlib
import os
from pathlib import Path

from embstore.errors import EmbstoreError


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write beside the target, then rename, so that no reader sees half a file.

    A device or pipe (``/dev/stdout``) cannot be renamed over and is written to.

    Raises:
        EmbstoreError: the folder is missing or the file cannot be written.
    """
    target = Path(path).expanduser()
    if not target.parent.is_dir():
        raise EmbstoreError(
            f"cannot write {path}: no folder {str(target.parent)!r}; create it first"
        )
    # A link keeps pointing where it did: the file behind it is replaced.
    real = Path(os.path.realpath(target))
    if real.is_dir():
        raise EmbstoreError(f"cannot write {path}: it is a folder; name a file in it")
    if real.exists() and not real.is_file():
        _write(real, content, path)
        return
    partial = real.with_name(f".{real.name}.{os.getpid()}.partial")
    try:
        _write(partial, content, path)
        partial.replace(real)
    except OSError as error:
        raise _refusal(path, error) from error
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


def _write(place: Path, content: bytes, path: str | Path) -> None:
    try:
        place.write_bytes(content)
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: str | Path, error: OSError) -> EmbstoreError:
    reason = (error.strerror or str(error)).lower()
    return EmbstoreError(f"cannot write {path}: {reason}")
