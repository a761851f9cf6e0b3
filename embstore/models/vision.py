"""Tells models of images from models of text, and loads what prepares their images."""

import importlib.util

import transformers
from transformers import AutoImageProcessor

from embstore.checkpoints.locate import Located
from embstore.errors import ModelError
from embstore.models.load import refusing
from embstore.types import Modality

_MODALITIES: dict[str, Modality] = {"input_ids": "text", "pixel_values": "vision"}


def modality_of(located: Located, config: transformers.PretrainedConfig) -> Modality:
    """Tell whether a model reads text or images, without building it.

    Raises:
        ModelError: it reads neither.
    """
    known = transformers.MODEL_MAPPING.get(type(config), None)
    if known is None:
        # A model with code of its own.
        folder = located.folder
        has_processor = (folder / "preprocessor_config.json").is_file()
        has_tokenizer = (folder / "tokenizer_config.json").is_file()
        return "vision" if has_processor and not has_tokenizer else "text"
    first = known[0] if isinstance(known, tuple | list) else known
    if first.main_input_name not in _MODALITIES:
        raise ModelError(
            f"{located.name}, a {config.model_type}, reads {first.main_input_name}; embstore "
            "measures models of text and of images"
        )
    return _MODALITIES[first.main_input_name]


def load_image_processor(located: Located) -> transformers.BaseImageProcessor:
    """Load what turns images into the pixels that a model takes, always on Pillow.

    Raises:
        ModelError: Pillow is not installed, or there is no processor, or it cannot be read.
    """
    if importlib.util.find_spec("PIL") is None:
        raise ModelError(
            f"{located.name} takes images and needs the vision extra, which is not installed; "
            "run: pip install 'embstore[vision]'"
        )
    with refusing(located, "load the image processor of"):
        return AutoImageProcessor.from_pretrained(
            located.tokenizer_folder or located.folder,
            backend="pil",
            trust_remote_code=located.remote_code,
        )
