"""Whether the weights in a checkpoint's files are those of the model that was built from them."""

import re
from typing import TypedDict

from torch import nn

from embstore.errors import ModelError

# Left in files by earlier versions of transformers: what is computed from the configuration
# (masks, positions, frequencies), and versions of the format. And what comes after the last
# hidden state: a pooler, and blocks that predict more than one token.
_HARMLESS = re.compile(
    r"(^|\.)("
    r"position_ids|token_type_ids|version|(original_)?inv_freq|relative_position_index"
    r"|masked_bias|causal_mask|attn_mask|embed_positions?\.weights|_float_tensor"
    r"|(attn|attention)(\.attention)?\.bias|pooler\..*|mtp\..*"
    r")$"
)
# How quantised weights name the numbers that they are to be multiplied with, or found by.
_SCALE = re.compile(r"(scale|scales|scale_inv|zeros|zero_point|absmax|quant_map|quant_state|SCB)")


class LoadingInfo(TypedDict):
    """What transformers says of the keys that it found, or did not find."""

    missing_keys: set[str]
    unexpected_keys: set[str]
    mismatched_keys: set[tuple[str, tuple[int, ...], tuple[int, ...]]]


def check_fit(module: nn.Module, info: LoadingInfo, name: str) -> None:
    """Check that the file holds the weights of this model, no fewer and none left over.

    Raises:
        ModelError: some are missing, have another shape, or belong to the model and are used
            by nothing in it.
    """
    for key, found, expected in sorted(info["mismatched_keys"]):
        raise _misfit(name, f"{key} has shape {tuple(found)}, expected {tuple(expected)}")
    if missing := missing_keys(module, info):
        raise ModelError(
            f"{name} lacks {len(missing)} weight{'s' * (len(missing) > 1)}, {missing[0]} first; "
            "measuring would use random numbers in their place; get a complete checkpoint"
        )
    for key in sorted(info["unexpected_keys"]):
        if problem := _left_over(module, key):
            raise _misfit(name, problem)


def missing_keys(module: nn.Module, info: LoadingInfo) -> list[str]:
    """Return which weights that a hidden state depends on are in no file."""
    return sorted(key for key in info["missing_keys"] if _matters(module, key))


def _matters(module: nn.Module, key: str) -> bool:
    """Tell whether a hidden state depends on a parameter."""
    # A pooler comes after the last hidden state; many encoders are saved without.
    if "pooler" in key.split("."):
        return False
    if getattr(module, "base_model", module) is not module:
        # A head, which the base of an adapter is loaded with, and perhaps saved without.
        return key.startswith(f"{module.base_model_prefix}.")
    return True


def _misfit(name: str, problem: str) -> ModelError:
    return ModelError(
        f"the configuration of {name} does not fit its weights: {problem}; get both from the "
        "same checkpoint"
    )


def _left_over(module: nn.Module, key: str) -> str | None:
    """Say what a weight that nothing uses would have changed; None for a head, and the like."""
    if _HARMLESS.search(key):
        return None
    parts = key.split(".")
    prefix = getattr(module, "base_model_prefix", None)
    part: nn.Module = getattr(module, "base_model", module)
    if parts[0] == prefix:
        parts = parts[1:]
    elif parts[0] not in part._modules:
        # Beside the body: a head, or another tower.
        return None
    for name in parts[:-1]:
        if isinstance(part, nn.ModuleList) and name.isdecimal() and int(name) >= len(part):
            return (
                f"{key} is in block {name}, counted from 0, but the configuration has "
                f"{len(part)} blocks"
            )
        child = part._modules.get(name)
        if child is None:
            break
        part = child
    # A layer without its bias has a place for it.
    if parts[-1] in part._parameters:
        return f"the weights hold {key}, but the configuration has no such parameter"
    if _SCALE.search(parts[-1]):
        return (
            f"the weights are quantised and hold {key}, but the configuration has no "
            "quantization_config that says how to apply it"
        )
    return f"the weights hold {key}, which nothing in the model uses"
