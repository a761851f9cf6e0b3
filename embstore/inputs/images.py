"""A folder of images: opened once, fingerprinted, then read one by one."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from embstore.errors import CorpusError, ModelError
from embstore.inputs.several_files import visible_in
from embstore.types import Corpus

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"))
# Pillow's modes of more than 8 bits, which it cuts off where it makes 8 of them; beside I;16.
_WIDE = ("I", "F")


def has_images(folder: str | Path) -> bool:
    """Tell whether an image is in a folder, or in the folders in it; hidden ones do not count."""
    return any(_is_image(file) for file in visible_in(Path(folder)))


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def open_images(folder: str | Path) -> "ImageFolder":
    """Find every image in a folder and the folders in it, and fingerprint them.

    An image is a file with one of ``SUFFIXES``; others and hidden files are left aside. The order
    is that of the paths below the folder, and the fingerprint is over these paths and the
    SHA-256 of each file: the same on any machine.

    Args:
        folder: where the images are.

    Raises:
        CorpusError: no such folder, no image in it, or one that cannot be read or has more than 8
            bits.
    """
    path = Path(folder)
    if not path.is_dir():
        raise CorpusError(f"corpus {folder}: no such folder of images; check the path")
    files = [file for file in visible_in(path) if _is_image(file)]
    if not files:
        raise CorpusError(
            f"corpus {folder}: no image in it; give a folder with files of the kinds "
            + ", ".join(sorted(SUFFIXES))
        )
    names = sorted(file.relative_to(path).as_posix() for file in files)
    digests, n_bytes, whole = [], 0, hashlib.sha256()
    for name in names:
        raw = _read(path / name)
        _decode(raw, path / name, whole=False)
        digests.append(hashlib.sha256(raw).hexdigest())
        n_bytes += len(raw)
        whole.update(f"{name}\0{digests[-1]}\n".encode())
    corpus = Corpus(
        name=path.resolve().name,
        source=path.resolve().name,
        sha256=whole.hexdigest(),
        n_documents=len(names),
        n_chars=0,
        n_bytes=n_bytes,
    )
    return ImageFolder(corpus, path, tuple(names), tuple(digests))


@dataclass(frozen=True)
class ImageFolder:
    """The images of a folder, read when they are needed; a context manager like a text.

    Attributes:
        corpus: name, fingerprint and counts.
        folder: where they are.
        names: their paths below it, in order.
        digests: the SHA-256 of each file.
    """

    corpus: Corpus
    folder: Path
    names: tuple[str, ...]
    digests: tuple[str, ...]

    def read(self, index: int, *, mode: str) -> "Image":
        """Decode an image; of a moving one the first frame.

        Args:
            index: which, in the order of ``names``.
            mode: Pillow's word for its channels, ``RGB`` or ``L``.

        Raises:
            CorpusError: it cannot be read, or is not what it was when the folder was opened.
        """
        path = self.folder / self.names[index]
        raw = _read(path)
        if hashlib.sha256(raw).hexdigest() != self.digests[index]:
            raise CorpusError(f"corpus {self.folder}: {path.name} has changed; start again")
        return _decode(raw, path, whole=True).convert(mode)

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"corpus {path.parent}: {path.name} cannot be read ({error.strerror}); check its "
            "permissions"
        ) from error


def _decode(raw: bytes, path: Path, *, whole: bool) -> "Image":
    """Look at an image's header, or decode all of it."""
    # Measuring text needs no Pillow.
    try:
        from PIL import Image
    except ImportError as error:
        raise ModelError(
            "images need the vision extra, which is not installed; "
            "run: pip install 'embstore[vision]'"
        ) from error
    try:
        image = Image.open(BytesIO(raw))
        if whole:
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise CorpusError(
            f"corpus {path.parent}: {path.name} cannot be read as an image ({error}); fetch "
            "it again or take it out"
        ) from error
    if image.mode in _WIDE or image.mode.startswith("I;"):
        raise CorpusError(
            f"corpus {path.parent}: {path.name} has numbers of more than 8 bits (mode "
            f"{image.mode}), of which most would be cut off at white; convert such images to 8 bits"
        )
    return image
