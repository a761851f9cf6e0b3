"""What is known of a model before its weights: tokenizer, configuration and size."""

from dataclasses import dataclass

import torch
import transformers
from transformers import AutoModel

from embstore.errors import ModelError
from embstore.locate import Located, first_line
from embstore.memory import Shape
from embstore.models import context_length, load_config, load_tokenizer


@dataclass(frozen=True, eq=False)
class Outline:
    """A located model without its weights.

    Attributes:
        located: its files.
        tokenizer: its own.
        config: its configuration.
        context: its longest sequence, where known.
    """

    located: Located
    tokenizer: transformers.PreTrainedTokenizerBase
    config: transformers.PretrainedConfig
    context: int | None


def outline(located: Located) -> Outline:
    """Load a model's tokenizer and configuration.

    Raises:
        ModelError: either is missing or cannot be read.
    """
    tokenizer = load_tokenizer(located)
    config = load_config(located)
    return Outline(located, tokenizer, config, context_length(config, tokenizer))


def model_shape(model: Outline) -> Shape:
    """Build the model on torch's meta device, where numbers take no memory, and count.

    Raises:
        ModelError: no model can be built from the configuration.
    """
    config = model.config
    try:
        with torch.device("meta"):
            module = AutoModel.from_config(config)
    except Exception as error:
        raise ModelError(
            f"cannot build {model.located.name} from its configuration: {first_line(error)}"
        ) from error
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
    )


def _layers(config: transformers.PretrainedConfig) -> tuple[int, ...]:
    """Count the blocks of each stack; families name those of a decoder differently."""
    if not config.is_encoder_decoder:
        return (config.num_hidden_layers,)
    names = ("num_decoder_layers", "decoder_layers", "num_hidden_layers")
    return config.num_hidden_layers, next(n for k in names if (n := getattr(config, k, None)))
