"""Files as they are, or unpacked while they are read: .bz2, .gz, .xz, .zip, .zst."""

import bz2
import gzip
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, cast

from embstore.inputs.zip_files import open_zipped

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_Open = Callable[[Path], AbstractContextManager[IO[bytes]]]

# The largest that zstd --long writes; its default refuses the usual dumps of web pages.
_ZSTD_WINDOW_LOG = 31

# What reading raises, besides OSError, when the bytes are not those of a whole file.
DAMAGE = (EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error, zstd.ZstdError)


def _open_zstd(path: Path) -> IO[bytes]:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    return cast("IO[bytes]", zstd.ZstdFile(path, options=options))


# Python's own readers, and not the registry of fsspec: that takes whichever package is
# installed, and with ``zstandard`` a file cut short passes for a whole one.
_OPENERS: dict[str, _Open] = {
    ".bz2": cast("_Open", bz2.BZ2File),
    ".gz": cast("_Open", gzip.GzipFile),
    ".xz": cast("_Open", lzma.LZMAFile),
    ".zip": open_zipped,
    ".zst": _open_zstd,
}
PACKINGS = tuple(_OPENERS)


def open_packed(path: Path) -> AbstractContextManager[IO[bytes]]:
    """Open a file to read what is packed in it, as its suffix says; nothing goes to disk.

    Raises:
        CorpusError: a .zip holds no file or several, or is encrypted.
        OSError: it cannot be opened.
        One of DAMAGE, found here or while reading: it is cut short or damaged.
    """
    opener = _OPENERS.get(path.suffix.lower())
    return opener(path) if opener else path.open("rb")
