"""Temporary copies of stores, which are deleted when this process ends."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from embstore.errors import StoreError
from embstore.store.locking import thread_lock
from embstore.store.places import Place


@dataclass(frozen=True)
class _Copy:
    """A copy, right while the store is as it was."""

    of: object
    file: Path


# One for each store, until the process ends. Changed only under a store's thread lock.
_copies: dict[Place, _Copy] = {}
# Where they are or were, also those that are being made, each with the process that made it.
_folders: list[tuple[Path, int]] = []


def copy_of(place: Place, state: object) -> Path | None:
    """Return the copy of a store that was made when it was in this state; None without one."""
    copy = _copies.get(place)
    return copy.file if copy and copy.of == state and copy.file.exists() else None


def make_copy(place: Place, name: str, fill: Callable[[Path], object]) -> Path:
    """Make a copy of a store in place of an earlier one.

    Args:
        place: of which store.
        name: of the file.
        fill: writes the file, and returns in which state the store was.

    Raises:
        StoreError: there is no room for temporary files.
    """
    discard_copy(place)
    try:
        folder = Path(tempfile.mkdtemp(prefix="embstore-copy-"))
    except OSError as error:
        raise StoreError(f"no temporary folder can be made ({error.strerror})") from error
    _folders.append((folder, os.getpid()))
    file = folder / name
    try:
        _copies[place] = _Copy(fill(file), file)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return file


def discard_copy(place: Place) -> None:
    """Delete the copy of a store that needs it no more."""
    with thread_lock(place):
        if copy := _copies.pop(place, None):
            shutil.rmtree(copy.file.parent, ignore_errors=True)


@atexit.register
def delete_copies() -> None:
    """Delete every copy that this process has made, for it ends."""
    for folder, owner in _folders:
        # A fork has the list, but not the folders.
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)
