"""A folder of images has the same fingerprint everywhere, and says which image is broken."""

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from embstore.errors import CorpusError, ModelError
from embstore.inputs.images import has_images, open_images
from tests.tiny_images import write_images

Image = pytest.importorskip("PIL.Image")


def test_images_are_found_in_the_order_of_their_paths(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "photos", 3)
    write_images(folder / "a", 1, suffix=".JPG")
    (folder / "labels.csv").write_text("0,cat")
    # As a file manager and a Mac leave them.
    write_images(folder / ".thumbnails", 1)
    (folder / "._000.png").write_bytes(b"no image")
    with open_images(folder) as images:
        assert images.names == ("000.png", "001.png", "002.png", "a/000.JPG")
        corpus = images.corpus
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in images.names]
    lines = "".join(f"{name}\0{d}\n" for name, d in zip(images.names, digests, strict=True))
    assert corpus.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert (corpus.name, corpus.source) == ("photos", "photos")
    assert (corpus.n_documents, corpus.n_chars) == (4, 0)
    assert corpus.n_bytes == sum((folder / name).stat().st_size for name in images.names)


def test_hidden_images_make_no_folder_of_images(tmp_path: Path) -> None:
    write_images(tmp_path / ".thumbnails", 1)
    assert not has_images(tmp_path)
    write_images(tmp_path / "a", 1)
    assert has_images(tmp_path)


def test_the_fingerprint_tells_names_and_contents_but_not_places(tmp_path: Path) -> None:
    def sha256(folder: Path) -> str:
        return open_images(folder).corpus.sha256

    one = write_images(tmp_path / "one", 3)
    assert sha256(write_images(tmp_path / "two", 3)) == sha256(one)
    (tmp_path / "two" / "002.png").rename(tmp_path / "two" / "009.png")
    assert sha256(tmp_path / "two") != sha256(one)
    assert sha256(write_images(tmp_path / "three", 3, seed=1)) != sha256(one)


def test_an_image_has_the_channels_asked_for(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "x.png")
    images = open_images(tmp_path)
    colour = np.asarray(images.read(0, mode="RGB"))
    np.testing.assert_array_equal(colour, pixels[..., :3])
    assert np.asarray(images.read(0, mode="L")).shape == (5, 7)


@pytest.mark.parametrize(("dtype", "suffix"), [("<u2", ".png"), ("<i4", ".tif"), ("<f4", ".tif")])
def test_an_image_of_more_than_8_bits_is_refused(tmp_path: Path, dtype: str, suffix: str) -> None:
    write_images(tmp_path, 1)
    Image.fromarray(np.full((5, 7), 300, dtype=dtype)).save(tmp_path / f"wide{suffix}")
    with pytest.raises(CorpusError, match=rf"wide\{suffix} has numbers .* convert such images"):
        open_images(tmp_path)


def test_no_folder_or_no_image(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder of images; check the path"):
        open_images(tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(CorpusError, match=r"no image in it; give a folder .* \.bmp, \.gif"):
        open_images(tmp_path)


def test_a_file_that_only_claims_to_be_an_image(tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    (tmp_path / "001.png").write_text("no image")
    with pytest.raises(CorpusError, match=r"001\.png cannot be read as an image"):
        open_images(tmp_path)


def test_an_image_that_is_cut_short(tmp_path: Path) -> None:
    write_images(tmp_path, 1)
    path = tmp_path / "000.png"
    path.write_bytes(path.read_bytes()[:-200])
    images = open_images(tmp_path)
    with pytest.raises(CorpusError, match=r"000\.png cannot be read as an image"):
        images.read(0, mode="RGB")


def test_an_image_that_changes_meanwhile(tmp_path: Path) -> None:
    images = open_images(write_images(tmp_path, 1))
    write_images(tmp_path, 1, seed=1)
    with pytest.raises(CorpusError, match=r"000\.png has changed; start again"):
        images.read(0, mode="RGB")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_image_without_permission(tmp_path: Path) -> None:
    write_images(tmp_path, 1)
    (tmp_path / "000.png").chmod(0)
    with pytest.raises(CorpusError, match=r"000\.png cannot be read .*permissions"):
        open_images(tmp_path)


def test_without_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path, 1)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ModelError, match=r"vision extra.*pip install 'embstore\[vision\]'"):
        open_images(tmp_path)
