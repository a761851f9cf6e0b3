"""enwik8, the first 10^8 bytes of a 2006 English Wikipedia dump, fetched by name."""

import hashlib
import logging
from pathlib import Path

import pooch
from filelock import FileLock

from embstore.common.paths import cache_folder
from embstore.errors import CorpusError
from embstore.inputs.packed_files import DAMAGE, open_packed

NAME = "enwik8"
# The page of its author, Matt Mahoney: https://mattmahoney.net/dc/textdata.html
URL = "https://mattmahoney.net/dc/enwik8.zip"
# Of the file inside the archive, as that page gives it.
MD5 = "a1fa5ffddb56f4953e226637dabbb36a"

_CHUNK_BYTES = 1 << 20
_RETRIES = 3
# Seconds to wait for a connection, and for the next bytes.
_TIMEOUT = (5.0, 30.0)


def fetch_enwik8() -> Path:
    """Return the path of ``enwik8.zip`` in the cache folder, or of ``enwik8`` put there by hand.

    It is fetched the first time, and its contents are checked every time, which takes a
    second. A download that fails is tried again, three times at most. Where several
    processes ask at once, one fetches and the others wait.

    Raises:
        CorpusError: it cannot be fetched, or is not the file it should be; names the
            address and the path where it can be put by hand.
    """
    folder = cache_folder()
    try:
        found = _cached(folder)
        if found is None:
            found = _fetch(folder)
        _check(found)
    except OSError as error:
        raise CorpusError(
            f"the cache folder {folder} cannot be used ({error.strerror or error}); set"
            " EMBSTORE_CACHE to a folder with room that can be written to"
        ) from error
    return found


def _cached(folder: Path) -> Path | None:
    places = (folder / NAME, folder / f"{NAME}.zip")
    return next((path for path in places if path.is_file()), None)


def _fetch(folder: Path) -> Path:
    # pooch would report its progress on standard error.
    pooch.get_logger().setLevel(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{NAME}.zip"
    with FileLock(folder / f"{NAME}.zip.lock"):
        # No hash for pooch: the one that is published is of the contents, see _check.
        downloads = pooch.create(
            folder,
            "",
            registry={target.name: None},
            urls={target.name: URL},
            retry_if_failed=_RETRIES,
        )
        try:
            downloads.fetch(target.name, downloader=pooch.HTTPDownloader(timeout=_TIMEOUT))
        except OSError as error:
            if error.errno is not None:
                raise
            # Only what went wrong on the network carries no error number.
            raise CorpusError(
                f"{URL} cannot be fetched ({_network_failure(error)}); run it again online, or put"
                f" the file at {target}"
            ) from error
    return target


def _network_failure(error: OSError) -> str:
    """Say what went wrong on the network; ``error`` is one of the library ``requests``."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answers {response.status_code} {response.reason}"
    return f"no connection, or it broke off: {type(error).__name__}"


def _check(path: Path) -> None:
    """Refuse a file with other contents, and remove it where it was downloaded."""
    try:
        with open_packed(path) as stream:
            # The checksum tells damage, not malice; MD5 is the one that is published.
            digest = hashlib.md5(usedforsecurity=False)
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
            found = f"MD5 {digest.hexdigest()}"
    except (CorpusError, *DAMAGE) as error:
        found = f"damaged: {error}"
    if found == f"MD5 {MD5}":
        return
    if path.suffix == ".zip":
        path.unlink()
        advice = f"it has been removed; run it again, or put {URL} there by hand"
    else:
        advice = f"remove it, or replace it with the file in {URL}"
    raise CorpusError(f"{path} is not {NAME} ({found}, expected MD5 {MD5}); {advice}")
