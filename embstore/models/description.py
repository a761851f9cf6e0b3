"""What is known of a model before its weights: tokenizer, configuration and size."""

from dataclasses import dataclass

import torch
import transformers
from transformers import AutoModel

from embstore.checkpoints.locate import Located
from embstore.errors import ModelError
from embstore.ingestion.memory_estimate import Shape
from embstore.models.load import BUILDING, refusing
from embstore.models.loaded import context_length, load_config, load_tokenizer
from embstore.models.vision import load_image_processor, modality_of
from embstore.types import Modality


@dataclass(frozen=True, eq=False)
class Outline:
    """A located model without its weights.

    Attributes:
        located: its files.
        tokenizer: its own; None for a model of images.
        config: its configuration.
        context: its longest sequence, where known.
        modality: what it reads.
        image_processor: its own; None for a model of text.
    """

    located: Located
    tokenizer: transformers.PreTrainedTokenizerBase | None
    config: transformers.PretrainedConfig
    context: int | None
    modality: Modality = "text"
    image_processor: transformers.BaseImageProcessor | None = None


def outline(located: Located) -> Outline:
    """Load a model's configuration, and its tokenizer or image processor.

    Raises:
        ModelError: either is missing or cannot be read.
    """
    config = load_config(located)
    modality = modality_of(located, config)
    if modality == "vision":
        return Outline(located, None, config, None, modality, load_image_processor(located))
    tokenizer = load_tokenizer(located)
    return Outline(located, tokenizer, config, context_length(config, tokenizer))


def model_shape(model: Outline) -> Shape:
    """Count what the model is made of, without its numbers.

    Raises:
        ModelError: no model can be built from the configuration.
    """
    config = model.config
    module = _without_numbers(model)
    embeddings = {
        id(layer.weight) for layer in module.modules() if isinstance(layer, torch.nn.Embedding)
    }
    inner = [p for p in module.parameters() if p.ndim > 1 and id(p) not in embeddings]
    return Shape(
        n_parameters=sum(parameter.numel() for parameter in module.parameters()),
        hidden_size=config.hidden_size,
        n_layers=_layers(config),
        # The last two: experts stand in a dimension before them.
        widest=max((size for p in inner for size in p.shape[-2:]), default=config.hidden_size),
        n_multiplied=sum(parameter.numel() for parameter in inner),
    )


def image_positions(model: Outline, pixels: tuple[int, ...]) -> tuple[int, int]:
    """Return how many states a model has of an image, and how many of them are no patches.

    Args:
        model: a model of images.
        pixels: channels, height and width of an image as the model takes it.

    Raises:
        ModelError: it cannot take such images, or its states are not one for each patch.
    """
    module = _without_numbers(model)
    with refusing(model.located, "run"), torch.inference_mode():
        states = module(pixel_values=torch.empty((1, *pixels), device="meta"))
        n_positions = int(states.last_hidden_state.shape[1])
        size = model.config.patch_size
        height, width = (size, size) if isinstance(size, int) else size
    n_patches = (pixels[1] // height) * (pixels[2] // width)
    if n_positions < n_patches:
        raise ModelError(
            f"{model.located.name} has {n_positions} states of an image of {n_patches} patches; "
            "it cannot be measured, which takes one per patch and layer"
        )
    return n_positions, n_positions - n_patches


def _without_numbers(model: Outline) -> torch.nn.Module:
    """Build a model on torch's meta device, where numbers take no memory."""
    located = model.located
    remote_code = (located.base or located).remote_code
    with refusing(located, "build", " from its configuration"), BUILDING, torch.device("meta"):
        module: torch.nn.Module = AutoModel.from_config(model.config, trust_remote_code=remote_code)
    return module


def _layers(config: transformers.PretrainedConfig) -> tuple[int, ...]:
    """Count the blocks of each stack; families name those of a decoder differently."""
    if not config.is_encoder_decoder:
        return (config.num_hidden_layers,)
    names = ("num_decoder_layers", "decoder_layers", "num_hidden_layers")
    return config.num_hidden_layers, next(n for k in names if (n := getattr(config, k, None)))
