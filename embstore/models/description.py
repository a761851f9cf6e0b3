"""What is known of a model before its weights: what it reads, and its size."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from transformers import AutoImageProcessor

from embstore.checkpoints.located import Located
from embstore.errors import ModelError
from embstore.models.load import BUILDING, refusing
from embstore.models.loaded import context_length, load_config, load_tokenizer
from embstore.models.stacks import auto_class, hidden_size, longest, n_layers
from embstore.types import Modality

_MODALITIES: dict[str, Modality] = {"input_ids": "text", "pixel_values": "vision"}


@dataclass(frozen=True, eq=False)
class ModelDescription:
    """A located model without its weights.

    Attributes:
        located: its files.
        tokenizer: its own; None for a model of images.
        config: its configuration.
        context: its longest sequence, where known.
        image_processor: its own; None for a model of text.
    """

    located: Located
    tokenizer: transformers.PreTrainedTokenizerBase | None
    config: transformers.PretrainedConfig
    context: int | None
    image_processor: transformers.BaseImageProcessor | None = None


@dataclass(frozen=True)
class ModelSize:
    """How large a model is.

    Attributes:
        n_parameters: without a language-model head.
        hidden_size: d.
        n_layers: blocks of each stack.
        widest: the most outputs or inputs of any weight but the embeddings.
        n_multiplied: numbers in the weights that every token is multiplied with.
        n_logits: tokens that its head tells apart; 0 for a model of images.
        n_heads: of the attention of a block, the most of any stack.
    """

    n_parameters: int
    hidden_size: int
    n_layers: tuple[int, ...]
    widest: int
    n_multiplied: int
    n_logits: int = 0
    n_heads: int = 0

    @property
    def n_states(self) -> int:
        """Hidden states of all stacks, if each has a final norm."""
        return sum(n + 2 for n in self.n_layers)


def describe(located: Located) -> ModelDescription:
    """Load a model's configuration, and its tokenizer or image processor.

    Raises:
        ModelError: either is missing or cannot be read.
    """
    config = load_config(located)
    if modality_of(located, config) == "vision":
        if located.other_tokenizer:
            raise ModelError(
                f"{located.name} reads images and has no use for a tokenizer; leave it out"
            )
        return ModelDescription(located, None, config, None, load_image_processor(located))
    tokenizer = load_tokenizer(located)
    return ModelDescription(located, tokenizer, config, context_length(config, tokenizer))


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
            _processor_folder(located),
            backend="pil",
            trust_remote_code=located.remote_code,
        )


def _processor_folder(located: Located) -> Path:
    """Return the folder with the image processor: an adapter may leave that to its base."""
    folders = [located.folder, located.tokenizer_folder, located.base and located.base.folder]
    known = (it for it in folders if it and (it / "preprocessor_config.json").is_file())
    return next(known, located.folder)


def model_size(model: ModelDescription) -> ModelSize:
    """Count what the model is made of, without its numbers.

    Raises:
        ModelError: no model can be built from the configuration.
    """
    config = model.config
    module = build_without_numbers(model)
    embeddings = {
        id(layer.weight) for layer in module.modules() if isinstance(layer, torch.nn.Embedding)
    }
    inner = [p for p in module.parameters() if p.ndim > 1 and id(p) not in embeddings]
    return ModelSize(
        n_parameters=sum(parameter.numel() for parameter in module.parameters()),
        hidden_size=hidden_size(config),
        n_layers=n_layers(config),
        # Only the last two dimensions: a mixture of experts has one more before them.
        widest=max((size for p in inner for size in p.shape[-2:]), default=hidden_size(config)),
        n_multiplied=sum(parameter.numel() for parameter in inner),
        n_logits=max(longest(config, "vocab_size"), default=0),
        n_heads=max(longest(config, "num_attention_heads"), default=0),
    )


def build_without_numbers(model: ModelDescription) -> torch.nn.Module:
    """Build a model on torch's meta device, where numbers take no memory."""
    located = model.located
    remote_code = (located.base or located).remote_code
    with refusing(located, "build", " from its configuration"), BUILDING, torch.device("meta"):
        module: torch.nn.Module = auto_class(model.config).from_config(
            model.config, trust_remote_code=remote_code
        )
    return module
