"""enwik8, the first 10^8 bytes of a 2006 English Wikipedia dump, fetched by name."""

import hashlib
import logging
import zipfile
import zlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import pooch
from filelock import FileLock

from embstore.common.paths import cache_folder
from embstore.errors import CorpusError
from embstore.inputs.wikipedia.download import ResumingDownload
from embstore.inputs.zip_files import open_zipped

NAME = "enwik8"
# The page of its author, Matt Mahoney: https://mattmahoney.net/dc/textdata.html
URL = "https://mattmahoney.net/dc/enwik8.zip"
# Of the file inside the archive, as that page gives it.
MD5 = "a1fa5ffddb56f4953e226637dabbb36a"

_CHUNK_BYTES = 1 << 20


def fetch_enwik8() -> Path:
    """Return the path of ``enwik8.zip`` in the cache folder, or of ``enwik8`` put there by hand.

    It is fetched the first time, and its contents are checked every time, which takes a
    second. A download that breaks off is continued by the next call. Where several
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
    # What pooch would say on standard error is of no use to whoever measures a model.
    pooch.get_logger().setLevel(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{NAME}.zip"
    with FileLock(folder / f"{NAME}.zip.lock"):
        try:
            pooch.retrieve(
                URL,
                known_hash=None,
                fname=target.name,
                path=folder,
                downloader=ResumingDownload(folder / f"{NAME}.zip.part"),
            )
        except CorpusError as error:
            raise CorpusError(
                f"{error}; run it again online, or put the file at {target}"
            ) from error
    return target


def _check(path: Path) -> None:
    """Refuse a file with other contents, and remove it where it was downloaded."""
    opened: AbstractContextManager[IO[bytes]] = (
        open_zipped(path) if path.suffix == ".zip" else path.open("rb")
    )
    try:
        with opened as stream:
            # The checksum tells damage, not malice; MD5 is the one that is published.
            digest = hashlib.md5(usedforsecurity=False)
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
            found = f"MD5 {digest.hexdigest()}"
    except (CorpusError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        found = f"damaged: {error}"
    if found == f"MD5 {MD5}":
        return
    if path.suffix == ".zip":
        path.unlink()
        advice = f"it has been removed; run it again, or put {URL} there by hand"
    else:
        advice = f"remove it, or replace it with the file in {URL}"
    raise CorpusError(f"{path} is not {NAME} ({found}, expected MD5 {MD5}); {advice}")
