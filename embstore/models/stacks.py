"""Which part of a model reads token ids, the class that holds it, and its sizes."""

from collections.abc import Iterable

import transformers
from torch import nn
from transformers import AutoModel, AutoModelForTextEncoding

from embstore.errors import ModelError

# Trained with the last token of a text, which names its language, in front of it.
_BEGINNING_WITH_THE_LAST = {"mbart", "plbart"}


def reading_config(
    whole: transformers.PretrainedConfig, name: str
) -> transformers.PretrainedConfig:
    """Return the configuration of what reads token ids: all of a model, or its text stack.

    Args:
        whole: the model's configuration; of an encoder alone it is made to say so.
        name: of the model, for messages.

    Raises:
        ModelError: it combines several models, none of which is known to read text.
    """
    if is_encoder_alone(whole):
        # T5's encoders are saved with the configuration of the whole.
        whole.is_encoder_decoder = False
    if all(_has_width(config) for config in _stacks(whole)):
        return whole
    try:
        text: transformers.PretrainedConfig = whole.get_text_config()
    except ValueError:
        text = whole
    if _has_width(text):
        return text
    raise ModelError(
        f"the configuration of {name}, a {whole.model_type}, has no hidden_size of its own: it "
        "combines several models, none of which is known to read text; load the one you want in "
        "Python, call its save_pretrained, and give that folder"
    )


def is_encoder_alone(config: transformers.PretrainedConfig) -> bool:
    """Tell whether a model of an encoder-decoder's family was saved without its decoder."""
    encoder = transformers.MODEL_FOR_TEXT_ENCODING_MAPPING.get(type(config), None)
    whole = transformers.MODEL_MAPPING.get(type(config), None)
    named = getattr(config, "architectures", None) or []
    return encoder is not None and encoder is not whole and encoder.__name__ in named


def auto_class(
    config: transformers.PretrainedConfig,
) -> type[AutoModel] | type[AutoModelForTextEncoding]:
    """Return what loads or builds a model without its head."""
    kind: type[AutoModel] | type[AutoModelForTextEncoding] = AutoModel
    if is_encoder_alone(config):
        kind = AutoModelForTextEncoding
    return kind


def named_class(config: transformers.PretrainedConfig) -> type[transformers.PreTrainedModel] | None:
    """Return the class that the configuration names, with its head; None for an unknown one."""
    names: Iterable[str] = getattr(config, "architectures", None) or ()
    found = (getattr(transformers, name, None) for name in names)
    return next((kind for kind in found if isinstance(kind, type)), None)


def text_stack(module: nn.Module, config: transformers.PretrainedConfig, name: str) -> nn.Module:
    """Return the part of a loaded model that a configuration from ``reading_config`` is of.

    Raises:
        ModelError: there is none, or more than one.
    """
    if type(getattr(module, "config", config)) is type(config):
        return module
    parts = [
        part
        for part in module.modules()
        if isinstance(part, transformers.PreTrainedModel) and type(part.config) is type(config)
    ]
    # The outermost comes first; what is within it is a part of it.
    within = set(parts[0].modules()) if parts else set()
    if not parts or any(part not in within for part in parts):
        raise ModelError(
            f"{name}, a {type(module).__name__}, has {len(parts)} parts that are a "
            f"{config.model_type}, so that it is not clear which one reads text"
        )
    outermost: nn.Module = parts[0]
    return outermost


def hidden_size(config: transformers.PretrainedConfig) -> int:
    """Return the width of the widest stack."""
    return max(int(stack.hidden_size) for stack in _stacks(config))


def n_layers(config: transformers.PretrainedConfig) -> tuple[int, ...]:
    """Count the blocks of each stack; families name those of a decoder differently."""
    stacks = _stacks(config)
    if len(stacks) > 1 or not config.is_encoder_decoder:
        return tuple(int(stack.num_hidden_layers) for stack in stacks)
    names = ("num_decoder_layers", "decoder_layers", "num_hidden_layers")
    decoder = next(n for key in names if (n := getattr(config, key, None)))
    return int(config.num_hidden_layers), int(decoder)


def longest(config: transformers.PretrainedConfig, key: str) -> list[int]:
    """Return what a configuration and those of its stacks say under a key, where it is a number."""
    found = (getattr(part, key, None) for part in (config, *_stacks(config)))
    return [number for number in found if isinstance(number, int)]


def decoder_start(config: transformers.PretrainedConfig) -> int | None:
    """Return the token that a decoder begins with.

    Returns:
        None for a model without a decoder, and where that begins with the last token of what is
        read.
    """
    if not config.is_encoder_decoder:
        return None
    candidates = [getattr(config, "decoder_start_token_id", None)]
    if candidates[0] is None and config.model_type in _BEGINNING_WITH_THE_LAST:
        return None
    # T5Gemma begins with its decoder's first token.
    candidates += [stack.bos_token_id for stack in _stacks(config)[1:]]
    candidates.append(getattr(config, "pad_token_id", None))
    return next((token for token in candidates if isinstance(token, int)), 0)


def _stacks(config: transformers.PretrainedConfig) -> tuple[transformers.PretrainedConfig, ...]:
    """Return the configurations of encoder and decoder where they have one each, else the whole."""
    if _has_width(config):
        return (config,)
    names = ("encoder", "decoder") if config.is_encoder_decoder else ("encoder",)
    parts = tuple(getattr(config, name, None) for name in names)
    usable = all(isinstance(part, transformers.PretrainedConfig) for part in parts)
    return parts if usable else (config,)


def _has_width(config: transformers.PretrainedConfig) -> bool:
    return isinstance(getattr(config, "hidden_size", None), int)
