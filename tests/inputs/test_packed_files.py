import bz2
import gzip
import io
import lzma
import os
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from embstore.errors import CorpusError
from embstore.inputs.corpus import open_corpus
from embstore.inputs.packed_files import PACKINGS, open_packed
from tests.inputs.test_corpus import DUMP

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def zipped(raw: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", raw)
    return file.getvalue()


def zst(raw: bytes) -> bytes:
    # As the command zstd writes it.
    return zstd.compress(raw, options={zstd.CompressionParameter.checksum_flag: 1})


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".bz2": bz2.compress,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zip": zipped,
    ".zst": zst,
}
TEXTS = {
    ".txt": "Größe\r\nzwei\n".encode() * 40_000,
    ".jsonl": b'{"text": "one"}\n{"text": "two"}\n' * 2_000,
    ".xml": DUMP.encode(),
}


def test_every_packing_is_tested() -> None:
    assert set(PACK) == set(PACKINGS)


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize("packing", PACK)
def test_a_packed_text_is_the_same_corpus(suffix: str, packing: str, tmp_path: Path) -> None:
    (tmp_path / f"a{suffix}").write_bytes(TEXTS[suffix])
    (tmp_path / f"a{suffix}{packing.upper()}").write_bytes(PACK[packing](TEXTS[suffix]))
    with (
        open_corpus(tmp_path / f"a{suffix}") as plain,
        open_corpus(tmp_path / f"a{suffix}{packing.upper()}") as packed,
    ):
        assert packed.corpus.name == "a"
        assert packed.corpus.sha256 == plain.corpus.sha256
        assert packed.corpus.n_documents == plain.corpus.n_documents
        assert packed.read(0, 10**9) == plain.read(0, 10**9)


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("damage", ["cut", "one byte short", "changed", "other"])
def test_a_damaged_file_is_an_error_in_one_line(
    suffix: str, packing: str, damage: str, tmp_path: Path
) -> None:
    # What cannot be compressed: half of the file is then half of the text.
    noise = random.Random(0).randbytes(100_000).hex()
    text = {
        ".txt": noise,
        ".jsonl": f'{{"text": "{noise}"}}\n' * 3,
        ".xml": DUMP.replace("one", noise),
    }[suffix]
    whole = PACK[packing](text.encode())
    half = len(whole) // 2
    raw = {
        "cut": whole[:half],
        "one byte short": whole[:-1],
        "changed": whole[:half] + bytes(byte ^ 255 for byte in whole[half : half + 64]),
        "other": os.fsencode("plain text, not packed at all\n") * 9,
    }[damage]
    if damage == "changed":
        raw += whole[half + 64 :]
    path = tmp_path / f"a{suffix}{packing}"
    path.write_bytes(raw)
    with pytest.raises(CorpusError) as found:
        open_corpus(path)
    assert "\n" not in str(found.value)
    # bzip2 hands out a block before it checks it: that it is not text may be seen first.
    if (packing, damage) != (".bz2", "changed"):
        assert str(found.value).startswith(f"corpus {path}: cut short or damaged as {packing} (")
        assert str(found.value).endswith("); fetch the file again")


@pytest.mark.parametrize("packing", [".bz2", ".gz", ".xz", ".zst"])
def test_pieces_packed_one_after_another_are_one_text(packing: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.txt{packing}"
    path.write_bytes(PACK[packing](b"one ") + PACK[packing](b"two"))
    with open_corpus(path) as text:
        assert text.read(0, 99) == "one two"


def test_zst_of_a_long_window(tmp_path: Path) -> None:
    raw = b"text " * 100
    path = tmp_path / "a.txt.zst"
    options: dict[int, int] = {
        zstd.CompressionParameter.window_log: 31,
        zstd.CompressionParameter.content_size_flag: 0,
    }
    with zstd.ZstdFile(path, "w", options=options) as file:
        file.write(raw)
    with pytest.raises(zstd.ZstdError, match="too much memory"):
        zstd.ZstdFile(path).read()
    with open_packed(path) as stream:
        assert stream.read() == raw


def test_a_file_that_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text")
    with open_packed(tmp_path / "a") as stream:
        assert stream.read() == b"text"
