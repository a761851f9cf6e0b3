"""Where files are kept between runs."""

import os
from pathlib import Path

import pooch


def cache_folder() -> Path:
    """Return the folder for kept files: ``EMBSTORE_CACHE``, or the system's own place."""
    return Path(os.environ.get("EMBSTORE_CACHE") or pooch.os_cache("embstore")).expanduser()
