"""Where files are: those that come with embstore, and those kept between runs."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def expanded(path: str | Path) -> str:
    """Return a path with ``~`` written out as the shell does: left alone where it names nobody.

    >>> expanded("~nobody-of-this-name/x.duckdb")
    '~nobody-of-this-name/x.duckdb'
    """
    return os.path.expanduser(path)  # noqa: PTH111 - Path's raises where it names nobody


def is_folder(path: str | Path) -> bool:
    """Tell whether a path is a folder, which one that cannot be reached is not."""
    return os.path.isdir(path)  # noqa: PTH112 - Path's raises where a name is too long


def resource_folder(name: str) -> Path:
    """Return the folder ``migrations`` or ``queries``, installed or in a checkout."""
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name


def cache_folder() -> Path:
    """Return the folder for kept files: ``EMBSTORE_CACHE``, or the system's own place."""
    # Asking imports this module, and has no use for pooch.
    import pooch

    return Path(expanded(os.environ.get("EMBSTORE_CACHE") or pooch.os_cache("embstore")))
