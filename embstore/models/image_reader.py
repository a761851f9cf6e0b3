"""How a model of images reads them: pixels made by its processor, positions by its patches."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from embstore.errors import ModelError
from embstore.models.description import ModelDescription, build_without_numbers
from embstore.models.load import refusing

if TYPE_CHECKING:
    # Pillow comes with the vision extra only.
    from PIL.Image import Image


@dataclass(frozen=True)
class ModelImageReader:
    """Reads images as one model does.

    Attributes:
        model: a model of images.
        processor: its own image processor.
    """

    model: ModelDescription
    processor: transformers.BaseImageProcessor

    @property
    def name(self) -> str:
        """What the model is called in messages."""
        return self.model.located.name

    @property
    def mode(self) -> str:
        """How an image's colours are read: Pillow's ``RGB`` or ``L``."""
        return "L" if getattr(self.model.config, "num_channels", 3) == 1 else "RGB"

    @cached_property
    def sha256(self) -> str:
        """Of everything that decides which pixels an image becomes."""
        return processor_sha256(self.processor)

    def pixels(self, image: "Image") -> NDArray[np.float32]:
        """Turn an image into what the model takes, (channels, height, width)."""
        made = self.processor(images=[image], return_tensors="np")["pixel_values"][0]
        return np.asarray(made, dtype=np.float32)

    def positions(self, pixels: tuple[int, ...]) -> tuple[int, int]:
        """Return how many states the model has of an image, and how many are no patches.

        Args:
            pixels: channels, height and width of an image as the model takes it.

        Raises:
            ModelError: it cannot take such images, or its states are not one for each patch.
        """
        return image_positions(self.model, pixels)


def image_positions(model: ModelDescription, pixels: tuple[int, ...]) -> tuple[int, int]:
    """Return how many states a model has of an image, and how many of them are no patches.

    Args:
        model: a model of images.
        pixels: channels, height and width of an image as the model takes it.

    Raises:
        ModelError: it cannot take such images, or its states are not one for each patch.
    """
    module = build_without_numbers(model)
    with refusing(model.located, "run"), torch.inference_mode():
        states = module(pixel_values=torch.empty((1, *pixels), device="meta"))
        n_positions = int(states.last_hidden_state.shape[1])
        size = model.config.patch_size
        height, width = (size, size) if isinstance(size, int) else size
    n_patches = (pixels[1] // height) * (pixels[2] // width)
    if n_positions < n_patches:
        raise ModelError(
            f"{model.located.name} has {n_positions} states of an image of {n_patches} patches; "
            "embstore needs one state per patch and layer"
        )
    return n_positions, n_positions - n_patches


def processor_sha256(processor: transformers.BaseImageProcessor) -> str:
    """Fingerprint everything that decides which pixels an image becomes."""
    rules = {"class": type(processor).__name__} | processor.to_dict()
    return hashlib.sha256(json.dumps(rules, sort_keys=True, default=str).encode()).hexdigest()
