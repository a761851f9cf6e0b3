"""Where measured runs are kept that could not be stored: beside a file, else in the cache."""

import hashlib
import os
from pathlib import Path

from embstore.common.paths import cache_folder


def beside(path: Path) -> Path:
    """Return the folder for runs that could not be stored at ``path``."""
    return path.with_name(f"{path.name}.spool")


def in_cache(name: str, place: str | Path) -> Path:
    """Return the folder for those that could not be kept beside the store, or have no beside.

    Args:
        name: of the store, to recognise the folder by.
        place: where the store is, which tells it from others of that name.
    """
    # A database's name may have a slash.
    recognised = name.replace("/", "_")
    return _all() / f"{recognised}-{hashlib.sha256(os.fsencode(place)).hexdigest()[:12]}"


def is_in_cache(folder: Path) -> bool:
    """Say whether a folder is one of those in the cache."""
    return folder.parent == _all()


def _all() -> Path:
    return cache_folder() / "spool"
