"""Which language-model head a checkpoint has, and how a model is had without one."""

import copy

import torch
import transformers
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from embstore.errors import ModelError
from embstore.models.stacks import auto_class, is_encoder_alone, named_class

Headed = type[AutoModelForCausalLM] | type[AutoModelForMaskedLM] | type[AutoModelForSeq2SeqLM]

# What predicts tokens, and the classes that transformers has for it.
_PREDICTING: tuple[tuple[Headed, dict[type, type]], ...] = (
    (AutoModelForSeq2SeqLM, transformers.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING),
    (AutoModelForCausalLM, transformers.MODEL_FOR_CAUSAL_LM_MAPPING),
    (AutoModelForMaskedLM, transformers.MODEL_FOR_MASKED_LM_MAPPING),
)


def headed_class(config: transformers.PretrainedConfig, name: str) -> Headed:
    """Return what loads a model together with its language-model head.

    The configuration names the class that was saved. One without a head is none of a head that
    could be made up, even where its weights are said to be those of the embeddings. Where it names
    none, as that of a GGUF file, the family's first is taken, and lacking weights are found later.

    Args:
        config: the model's configuration.
        name: of the model, for messages.

    Raises:
        ModelError: the class that it names has no such head, or the family has none.
    """
    own_code = getattr(config, "auto_map", None) or {}
    named = named_class(config)
    if not is_encoder_alone(config):
        for kind, classes in _PREDICTING:
            known = classes.get(type(config), None)
            if named is None and (known or kind.__name__ in own_code):
                return kind
            # A model that is saved as it was pretrained, with a second head beside the first.
            pretrained = transformers.MODEL_FOR_PRETRAINING_MAPPING.get(type(config), None)
            if known and named in (known, pretrained):
                return kind
    raise no_head(name, named.__name__ if named else config.model_type)


def no_head(name: str, what: str) -> ModelError:
    """Return the error that a checkpoint has no head.

    Args:
        name: of the model.
        what: it is, as its class, or what it lacks.
    """
    return ModelError(
        f"{name} has no language-model head ({what}), so nothing is predicted from its states; "
        "leave the head out (--head, or metrics of the family head)"
    )


def whole_of(
    body: nn.Module, config: transformers.PretrainedConfig, kind: Headed, name: str
) -> transformers.PreTrainedModel:
    """Return a model with the head that training would begin with, around a body that is drawn.

    Args:
        body: the model without a head.
        config: of it.
        kind: what builds it with one.
        name: for messages.

    Raises:
        ModelError: it is not built around such a body.
    """
    whole: transformers.PreTrainedModel = kind.from_config(
        copy.deepcopy(config), dtype=torch.float32
    )
    base: nn.Module = whole.base_model
    if type(base) is not type(body):
        raise ModelError(
            f"{type(whole).__name__} is not built around a model without its head, so that {name} "
            "cannot be drawn with one; leave the head out"
        )
    setattr(whole, whole.base_model_prefix, body)
    whole.tie_weights()
    return whole


def without_head(
    model: transformers.PreTrainedModel, *, remote_code: bool, advice: str
) -> nn.Module:
    """Return a model that was loaded with a head as it would be without.

    Args:
        model: the model; its weights are shared.
        remote_code: whether it may be one with code of its own.
        advice: what to do if it cannot be separated, for the message.

    Raises:
        ModelError: some weights would be missing.
    """
    body: nn.Module = model.base_model
    bare = bare_model(model.config, remote_code=remote_code)
    if type(body) is type(bare):
        return body
    # T5 and its kin with a head are not built around a model without one.
    bare.load_state_dict(body.state_dict(), strict=False, assign=True)
    left = [key for key, weight in bare.named_parameters() if weight.is_meta]
    left += [key for key, buffer in bare.named_buffers() if buffer.is_meta]
    if left:
        raise ModelError(
            f"{type(model).__name__} cannot be separated from its head: {left[0]} is missing then; "
            f"{advice}"
        )
    return bare


def bare_model(config: transformers.PretrainedConfig, *, remote_code: bool) -> nn.Module:
    """Build a model without its head on torch's meta device, where numbers take no memory."""
    with torch.device("meta"):
        module: nn.Module = auto_class(config).from_config(config, trust_remote_code=remote_code)
    return module
