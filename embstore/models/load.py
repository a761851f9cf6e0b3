"""Reads a model's weights, and refuses those that are not what the configuration says."""

import contextlib
import copy
import pickle
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

import torch
import transformers
from torch import nn
from transformers import AutoModel

from embstore.checkpoints.located import Located
from embstore.checkpoints.silence import quiet
from embstore.common.messages import one_line
from embstore.errors import ModelError
from embstore.models.adapters import merge_adapter, read_adapter

# While it builds a model, transformers replaces torch's initialisers for the whole process:
# threads that build models take turns with this lock.
BUILDING = threading.Lock()


@dataclass(frozen=True, eq=False)
class Weights:
    """A model with its weights, in evaluation mode and without a language-model head.

    Attributes:
        module: the model, on the device where it is to run.
        attention: the kernel its attention runs through, ``sdpa`` or ``eager``.
    """

    module: nn.Module
    attention: str


def read_weights(
    located: Located,
    config: transformers.PretrainedConfig,
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> Weights:
    """Read the weights, or draw them where ``located`` says so, and check them.

    Attention runs through SDPA where the architecture supports it. Several threads may call
    this; they take turns. While a model of another dtype than float32 is built, transformers
    changes the default dtype of all threads.

    Args:
        located: where the weights are.
        config: the model's configuration.
        device: where to run it.
        dtype: of the weights and of the forward pass.

    Raises:
        ModelError: weights that cannot be read, that do not fit the configuration, that
            lack some of the model, or that are not finite.
    """
    with refusing(located, "load"), BUILDING:
        try:
            weights = _make(located, config, dtype, "sdpa")
        except ValueError as error:
            if "scaled_dot_product_attention" not in str(error):
                raise
            weights = _make(located, config, dtype, "eager")
    _check_finite(weights.module, located.name)
    try:
        weights.module.to(device).eval()
    except RuntimeError as error:
        raise ModelError(
            f"{located.name} cannot be moved to {device}: {one_line(error)}; try another device"
        ) from error
    return weights


@contextlib.contextmanager
def refusing(located: Located, action: str, rest: str = "") -> Iterator[None]:
    """Let transformers work quietly, and turn whatever it raises into one line of ours.

    Args:
        located: the model that is at work.
        action: what cannot be done, as in "cannot load NAME".
        rest: what follows the name in that sentence.

    Raises:
        ModelError: whatever went wrong inside.
    """
    try:
        with quiet():
            yield
    except ModelError:
        raise
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"the pickled weights of {located.name} are damaged or hold more than tensors, which "
            "embstore does not load; convert them to safetensors"
        ) from error
    # Whatever a library, or the model's own code, raises about a file that it cannot use.
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise ModelError(
                f"{located.name} needs Python code of its own, which would run here with all your "
                f"rights; read the .py files of {located.folder}, and if you trust them "
                "allow them with --allow-remote-code (in Python allow_remote_code=True)"
            ) from error
        raise ModelError(f"cannot {action} {located.name}{rest}: {one_line(error)}") from error


def _make(
    located: Located, config: transformers.PretrainedConfig, dtype: torch.dtype, attention: str
) -> Weights:
    if located.init_seed is not None:
        module = _drawn(located, config, located.init_seed, attention).to(dtype)
    else:
        module = _read(located, dtype, attention)
    return Weights(module, attention)


def _drawn(
    located: Located, config: transformers.PretrainedConfig, seed: int, attention: str
) -> nn.Module:
    """Draw the weights as training would begin with them; a seed gives the same everywhere."""
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed: it would also seed the accelerators, for good.
        torch.default_generator.manual_seed(seed)
        module: nn.Module = AutoModel.from_config(
            copy.deepcopy(config),
            dtype=torch.float32,
            attn_implementation=attention,
            trust_remote_code=located.remote_code,
        )
    return module


def _read(located: Located, dtype: torch.dtype, attention: str) -> nn.Module:
    adapter = read_adapter(located) if located.base else None
    whole = located.base or located
    if (whole.folder / "adapter_config.json").is_file():
        # Transformers would load the adapter, with whatever base it names, in its place.
        raise ModelError(
            f"{whole.name} has an adapter_config.json beside its own weights, so that it is not "
            "clear which of the two is meant; give each a folder of its own"
        )
    options: dict[str, object] = dict(whole.options)
    if not whole.gguf_file:
        # Unless told, transformers takes pickled weights where it finds no others.
        options["use_safetensors"] = not whole.pickled
    module, info = (adapter.model_class if adapter else AutoModel).from_pretrained(
        whole.folder,
        dtype=dtype,
        attn_implementation=attention,
        output_loading_info=True,
        # check_fit reports them, in one line.
        ignore_mismatched_sizes=True,
        trust_remote_code=whole.remote_code,
        weights_only=True,
        **options,
    )
    check_fit(module, info, whole.name)
    return merge_adapter(module, adapter) if adapter else module


class LoadingInfo(TypedDict):
    """What transformers says of the keys that it found, or did not find."""

    missing_keys: set[str]
    unexpected_keys: set[str]
    mismatched_keys: set[tuple[str, tuple[int, ...], tuple[int, ...]]]


def check_fit(module: nn.Module, info: LoadingInfo, name: str) -> None:
    """Check that the file holds the weights of this model, no fewer and no other blocks.

    Raises:
        ModelError: some are missing, have another shape, or belong to blocks or layers that
            the configuration leaves out.
    """
    for key, found, expected in sorted(info["mismatched_keys"]):
        raise _misfit(name, f"{key} has shape {tuple(found)}, expected {tuple(expected)}")
    missing = sorted(key for key in info["missing_keys"] if _matters(module, key))
    if missing:
        raise ModelError(
            f"{name} lacks {len(missing)} weights, {missing[0]} first; measuring would "
            "use random numbers in their place; get a complete checkpoint"
        )
    for key in sorted(info["unexpected_keys"]):
        if problem := _left_out(module, key):
            raise _misfit(name, problem)


def _matters(module: nn.Module, key: str) -> bool:
    """Tell whether a hidden state depends on a parameter."""
    if getattr(module, "base_model", module) is not module:
        # A head, which the base of an adapter is loaded with, and perhaps saved without.
        return key.startswith(f"{module.base_model_prefix}.") and "pooler" not in key.split(".")
    # A pooler comes after the last hidden state; many encoders are saved without.
    return "pooler" not in key.split(".")


def _misfit(name: str, problem: str) -> ModelError:
    return ModelError(
        f"the configuration of {name} does not fit its weights: {problem}; get both from the "
        "same checkpoint"
    )


def _left_out(module: nn.Module, key: str) -> str | None:
    """Say what the configuration leaves out that ``key`` belongs to; None for a mere head."""
    parts = key.split(".")
    if parts[0] == getattr(module, "base_model_prefix", None):
        parts = parts[1:]
    part = module
    for name in parts[:-1]:
        if isinstance(part, nn.ModuleList) and name.isdecimal() and int(name) >= len(part):
            return (
                f"{key} is in block {name}, counted from 0, but the configuration has "
                f"{len(part)} blocks"
            )
        child = part._modules.get(name)
        if child is None:
            return None
        part = child
    # A layer without its bias has a place for it.
    if parts[-1] in part._parameters and part._parameters[parts[-1]] is None:
        return f"the weights hold {key}, but the configuration has no such parameter"
    return None


def _check_finite(module: nn.Module, name: str) -> None:
    for key, weight in module.named_parameters():
        # A sum takes no memory, but may overflow.
        if not torch.isfinite(weight.detach().sum()) and not torch.isfinite(weight).all():
            raise ModelError(
                f"{name} holds weights that are not finite, {key} first; its file is damaged or "
                "its training diverged; get another checkpoint"
            )
