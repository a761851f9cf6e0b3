"""The one file inside a .zip, read as it is unpacked."""

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from embstore.common.messages import listed
from embstore.errors import CorpusError

_ENCRYPTED = 0x1
_MAX_MEMBERS_SHOWN = 5


@contextmanager
def open_zipped(path: Path) -> Iterator[IO[bytes]]:
    """Open the one file inside ``path`` as a stream; nothing is unpacked to disk.

    Raises:
        CorpusError: the archive holds no file or several, or it is encrypted or
            compressed in a way that Python does not know.
        zipfile.BadZipFile: it is damaged, found here or while reading.
    """
    with _open_archive(path) as archive, _open_member(archive) as stream:
        yield stream


def zipped_name(path: Path) -> str:
    """Return the name of the one file inside ``path``, without its folders.

    Raises:
        CorpusError: there is no file or there are several; lists some.
        zipfile.BadZipFile: ``path`` is damaged or no archive.
    """
    with _open_archive(path) as archive:
        return PurePosixPath(_only_member(archive).filename).name


def _open_archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    # Names and extra fields that cannot be decoded pass through zipfile as they are.
    except (UnicodeDecodeError, struct.error) as error:
        raise zipfile.BadZipFile(f"its directory cannot be read: {error}") from error
    except NotImplementedError as error:
        raise _unknown(error) from error


def _open_member(archive: zipfile.ZipFile) -> IO[bytes]:
    member = _only_member(archive)
    if member.flag_bits & _ENCRYPTED:
        raise CorpusError(
            f"{member.filename!r} in the archive is encrypted; unpack it and give the unpacked file"
        )
    try:
        return archive.open(member)
    except (UnicodeDecodeError, struct.error) as error:
        raise zipfile.BadZipFile(f"a file's header cannot be read: {error}") from error
    except NotImplementedError as error:
        raise _unknown(error) from error


def _unknown(error: NotImplementedError) -> CorpusError:
    return CorpusError(
        f"packed in a way that cannot be read here ({error}); unpack it and give the unpacked file"
    )


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if _is_content(member)]
    if len(members) == 1:
        return members[0]
    if not members:
        raise CorpusError("no file is in the archive; give one with a file of text in it")
    names = listed([repr(member.filename) for member in members], most=_MAX_MEMBERS_SHOWN)
    raise CorpusError(
        f"{len(members):,} files are in the archive ({names}); unpack it and give one of them"
    )


def _is_content(member: zipfile.ZipInfo) -> bool:
    # macOS packs its own notes about a file beside it.
    path = PurePosixPath(member.filename)
    is_note = path.parts[:1] == ("__MACOSX",) or path.name == ".DS_Store"
    return not (is_note or member.filename.endswith("/"))
