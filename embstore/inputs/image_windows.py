"""The seeded choice of images, and images as sequences of patches to feed."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from embstore.errors import CorpusError, ModelError, UsageError
from embstore.inputs.images import ImageFolder
from embstore.inputs.random_streams import WINDOW_STREAM, seeded_generator

if TYPE_CHECKING:
    # Pillow comes with the vision extra only.
    from PIL.Image import Image


class ImageReader(Protocol):
    """What turns images into the positions that a model has of them."""

    @property
    def name(self) -> str:
        """What the model is called in messages."""

    @property
    def mode(self) -> str:
        """How an image's colours are read: Pillow's ``RGB`` or ``L``."""

    @property
    def sha256(self) -> str:
        """Of everything that decides which pixels an image becomes."""

    def pixels(self, image: "Image") -> NDArray[np.float32]:
        """Turn an image into what the model takes, (channels, height, width)."""

    def positions(self, pixels: tuple[int, ...]) -> tuple[int, int]:
        """Return how many states an image has, and how many of them are no patches."""


@dataclass(frozen=True, eq=False)
class ImageWindows:
    """Images to feed, each as one sequence of positions, read when they are needed.

    Attributes:
        ids: the place of each position in its image, (n_windows, window).
        attention_mask: True everywhere, (n_windows, window).
        n_special_tokens: positions of each image that are no patches.
        sha256: of the chosen images and of what is done to them.
        images: the folder they are from.
        chosen: which of its images, (n_windows,).
        pixels: channels, height and width of an image as the model takes it.
        reader: what made the pixels.
    """

    ids: NDArray[np.int64]
    attention_mask: NDArray[np.bool_]
    n_special_tokens: int
    sha256: str
    images: ImageFolder
    chosen: NDArray[np.int64]
    pixels: tuple[int, ...]
    reader: ImageReader

    @property
    def n_windows(self) -> int:
        """Number of images."""
        return int(self.ids.shape[0])

    @property
    def window(self) -> int:
        """Positions per image."""
        return int(self.ids.shape[1])

    @property
    def n_tokens(self) -> int:
        """Number of positions in all."""
        return int(self.ids.size)

    @property
    def texts(self) -> None:
        """Images are no texts."""
        return

    def inputs(self, rows: slice | NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """Return what a model is called with for these images, by name.

        Raises:
            CorpusError: an image cannot be read.
            ModelError: the processor makes images of several sizes.
        """
        pixels = [self._pixels(int(index)) for index in self.chosen[rows]]
        for one, index in zip(pixels, self.chosen[rows], strict=True):
            if one.shape != self.pixels:
                raise ModelError(
                    f"the image processor of {self.reader.name} turns "
                    f"{self.images.names[index]} into {one.shape} numbers and others into "
                    f"{self.pixels}; give it a fixed size or crop_size"
                )
        return {"pixel_values": np.stack(pixels)}

    def _pixels(self, index: int) -> NDArray[np.float32]:
        return self.reader.pixels(self.images.read(index, mode=self.reader.mode))


def draw_images(
    images: ImageFolder, reader: ImageReader, *, tokens: int, seed: int
) -> ImageWindows:
    """Draw as many images as make ``tokens`` positions, spread evenly over the folder by seed.

    The folder is cut into as many equal runs of images as are asked, and each gives one at
    random.

    Args:
        images: the folder.
        reader: of the model that is to take them.
        tokens: how many positions to draw, rounded down to whole images.
        seed: not negative.

    Raises:
        UsageError: ``tokens`` is less than one image, or the seed is negative.
        CorpusError: there are too few images, or one cannot be read.
        ModelError: the model cannot take them.
    """
    generator = seeded_generator(seed, WINDOW_STREAM)
    pixels = reader.pixels(images.read(0, mode=reader.mode)).shape
    window, n_special_tokens = reader.positions(pixels)
    n_windows, n_images = tokens // window, len(images.names)
    if n_windows < 1:
        raise UsageError(
            f"{tokens:,} tokens are less than one image, which has {window:,} in "
            f"{reader.name}; ask for {window:,} or more tokens"
        )
    if n_windows > n_images:
        raise CorpusError(
            f"corpus {images.corpus.name}: too few images for {tokens:,} tokens: {reader.name} "
            f"takes {n_windows:,} images for them, and it holds {n_images:,}; ask for "
            f"{n_images * window:,} tokens or fewer, or give more images"
        )
    fractions = generator.random(n_windows)
    starts = np.arange(n_windows + 1) * n_images // n_windows
    chosen = starts[:-1] + (fractions * np.diff(starts)).astype(np.int64)
    ids = np.tile(np.arange(window, dtype=np.int64), (n_windows, 1))
    return ImageWindows(
        ids=ids,
        attention_mask=np.ones(ids.shape, dtype=np.bool_),
        n_special_tokens=n_special_tokens,
        sha256=_sha256(images, chosen, reader),
        images=images,
        chosen=chosen,
        pixels=pixels,
        reader=reader,
    )


def _sha256(images: ImageFolder, chosen: NDArray[np.int64], reader: ImageReader) -> str:
    lines = [reader.sha256, *(images.digests[i] for i in chosen)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
