import zipfile
from pathlib import Path

import pytest

from embstore.errors import CorpusError
from embstore.inputs.corpus import open_corpus
from embstore.inputs.zip_files import open_zipped, zipped_name


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return path


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_one_file_among_folders_and_notes_of_macos(method: int, tmp_path: Path) -> None:
    members = {"d/": b"", "d/a.txt": b"text", "__MACOSX/d/._a.txt": b"\0", "d/.DS_Store": b"\0"}
    path = pack(tmp_path / "a.zip", members, method)
    assert zipped_name(path) == "a.txt"
    with open_zipped(path) as stream:
        assert stream.read() == b"text"


def test_several_files_and_none(tmp_path: Path) -> None:
    several = pack(tmp_path / "s.txt.zip", {f"{i}.txt": b"text" for i in range(7)})
    with pytest.raises(
        CorpusError, match=r"s\.txt\.zip: 7 files .* \('0\.txt', .*'4\.txt' and 2 more\); "
    ):
        open_corpus(several)
    empty = pack(tmp_path / "e.zip", {"d/": b""})
    with pytest.raises(CorpusError, match=r"e\.zip: no file is in the archive"):
        open_corpus(empty)


def patch_headers(path: Path, field: int, value: int) -> None:
    """Set a field of two bytes in the one local and the one central header."""
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.index(signature) + offset + field
        raw[at : at + 2] = value.to_bytes(2, "little")
    path.write_bytes(raw)


def test_encrypted_file(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.txt.zip", {"a.txt": b"text"})
    patch_headers(path, 0, 1)
    with pytest.raises(CorpusError, match=r"a\.txt\.zip: 'a\.txt' in the archive is encrypted"):
        open_corpus(path)


def test_unknown_compression(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.txt.zip", {"a.txt": b"text"})
    patch_headers(path, 2, 9)
    with pytest.raises(CorpusError, match=r"a\.txt\.zip: packed in a way that cannot be read here"):
        open_corpus(path)
    raw = bytearray(pack(path, {"a.txt": b"text"}).read_bytes())
    # The version of the format that is needed to unpack it.
    raw[raw.index(b"PK\x01\x02") + 6] = 255
    path.write_bytes(raw)
    with pytest.raises(CorpusError, match=r"a\.txt\.zip: packed .* \(zip file version 25\.5\)"):
        open_corpus(path)


def test_damaged_archive(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.txt.zip", {"a.txt": b"text" * 999}, zipfile.ZIP_STORED)
    whole = path.read_bytes()
    for raw in (whole[:-10], whole.replace(b"texttext", b"testtest"), b"plain text"):
        path.write_bytes(raw)
        with pytest.raises(CorpusError, match=r"cut short or damaged as \.zip \(.*\); fetch the"):
            open_corpus(path)
    pack(path, {"é.txt": b"text"})
    whole = path.read_bytes()
    for at in (whole.index("é".encode()), whole.rindex("é".encode())):
        path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
        with pytest.raises(CorpusError, match=r"as \.zip \(.* cannot be read: 'utf-8' codec"):
            open_corpus(path)
    (tmp_path / "wiki.zip").write_bytes(b"plain text")
    with pytest.raises(CorpusError, match=r"wiki\.zip: cut short or damaged as \.zip"):
        open_corpus(tmp_path / "wiki.zip")
