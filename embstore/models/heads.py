"""Takes the head off a model, so that what is left ends with its last hidden state."""

import torch
import transformers
from torch import nn

from embstore.errors import ModelError
from embstore.models.stacks import auto_class


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
    with torch.device("meta"):
        bare: nn.Module = auto_class(model.config).from_config(
            model.config, trust_remote_code=remote_code
        )
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
