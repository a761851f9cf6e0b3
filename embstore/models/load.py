"""Reads a model's weights, and refuses those that are not what the configuration says."""

import contextlib
import copy
import pickle
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import transformers
from torch import nn

from embstore.checkpoints.located import Located
from embstore.checkpoints.silence import quiet
from embstore.common.float32 import all_of_float32
from embstore.common.messages import one_line
from embstore.errors import ModelError
from embstore.models import gguf_files
from embstore.models.adapters import merge_adapter, merged, read_adapter
from embstore.models.fit import LoadingInfo, check_fit, missing_keys
from embstore.models.heads import (
    Headed,
    bare_model,
    headed_class,
    no_head,
    whole_of,
    without_head,
)
from embstore.models.stacks import auto_class, is_encoder_alone, named_class, text_stack

# While it builds a model, transformers replaces torch's initialisers for the whole process:
# threads that build models take turns with this lock.
BUILDING = threading.Lock()

_WITHOUT = "leave the head out"
# Of which there is none.
_NO_FOLDER = "no-adapter"


@dataclass(frozen=True)
class Beside:
    """What is wanted of a model beside its hidden states.

    Attributes:
        head: what its language-model head predicts.
        attention: where its attention goes, which only the eager kernel tells.
    """

    head: bool = False
    attention: bool = False


NOTHING = Beside()


@dataclass(frozen=True, eq=False)
class Weights:
    """A model with its weights, in evaluation mode and without a language-model head.

    Attributes:
        module: the model, on the device where it is to run.
        attention: the kernel its attention runs through, ``sdpa`` or ``eager``.
        headed: the same with its head, where that is wanted; it shares the weights.
        n_parameters: of a model without a head, where this one was made with one and may lack
            what comes after the last state, such as a pooler.
    """

    module: nn.Module
    attention: str
    headed: nn.Module | None = None
    n_parameters: int | None = None


def read_weights(
    located: Located,
    config: transformers.PretrainedConfig,
    *,
    device: torch.device,
    dtype: torch.dtype,
    beside: Beside = NOTHING,
) -> Weights:
    """Read the weights, or draw them where ``located`` says so, and check them.

    Attention runs through SDPA where the architecture supports it, unless what it does is wanted.
    Several threads may call this; they take turns. While a model of another dtype than float32 is
    built, transformers changes the default dtype of all threads.

    Args:
        located: where the weights are.
        config: the model's configuration.
        device: where to run it.
        dtype: of the weights and of the forward pass.
        beside: what is wanted beside the hidden states.

    Raises:
        ModelError: weights that cannot be read, that do not fit the configuration, that
            lack some of the model, or that are not finite; or a head is wanted, and there is none.
    """
    # An adapter is merged by a product.
    with refusing(located, "load"), BUILDING, all_of_float32():
        kernel = "eager" if beside.attention else "sdpa"
        try:
            weights = _make(located, config, dtype, kernel, beside)
        except ValueError as error:
            if "scaled_dot_product_attention" not in str(error):
                raise
            weights = _make(located, config, dtype, "eager", beside)
    with refusing(located, "check the weights of"):
        _check_finite(weights.headed or weights.module, located.name)
    try:
        if weights.headed is not None:
            weights.headed.to(device).eval()
        weights.module.to(device).eval()
    except Exception as error:
        # Also a quantiser may refuse it, with an error of any kind.
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
    located: Located,
    config: transformers.PretrainedConfig,
    dtype: torch.dtype,
    attention: str,
    beside: Beside,
) -> Weights:
    if located.init_seed is not None:
        module = _drawn(located, config, located.init_seed, attention)
        if not beside.head:
            return Weights(module.to(dtype), attention)
        whole = _drawn_around(module, located, config, located.init_seed)
        return Weights(module.to(dtype), attention, whole.to(dtype))
    if not beside.head:
        module = text_stack(_read(located, config, dtype, attention), config, located.name)
        return Weights(module, attention)
    remote_code = (located.base or located).remote_code
    headed = _read_headed(located, config, dtype, attention)
    body = without_head(headed, remote_code=remote_code, advice=_WITHOUT)
    if text_stack(body, config, located.name) is not body:
        raise no_head(located.name, f"{type(headed).__name__} reads more than text")
    bare = bare_model(config, remote_code=remote_code)
    n_parameters = sum(weight.numel() for weight in bare.parameters())
    return Weights(body, attention, headed, n_parameters)


def _drawn_around(
    body: nn.Module, located: Located, config: transformers.PretrainedConfig, seed: int
) -> nn.Module:
    """Draw a head for a body that is drawn: its weights are what they are without one."""
    kind = headed_class(config, located.name)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        whole: nn.Module = whole_of(body, config, kind, located.name)
    return whole


def _read_headed(
    located: Located, config: transformers.PretrainedConfig, dtype: torch.dtype, attention: str
) -> transformers.PreTrainedModel:
    """Read a model with its language-model head."""
    whole = _whole(located)
    kind = headed_class(config, located.name)
    module, info = _from_pretrained(kind, whole, _options(whole, config, dtype, attention))
    prefix = f"{module.base_model_prefix}."
    if module.base_model is module:
        # T5 and its kin are not built around a model without a head.
        of_body = bare_model(config, remote_code=whole.remote_code).state_dict()
        lacking = sorted(key for key in info["missing_keys"] if key not in of_body)
    else:
        lacking = sorted(key for key in info["missing_keys"] if not key.startswith(prefix))
    if lacking:
        raise no_head(located.name, f"it lacks {lacking[0]}")
    check_fit(module, info, whole.name)
    if located.base:
        return merged(module, read_adapter(located))
    return module


def _drawn(
    located: Located, config: transformers.PretrainedConfig, seed: int, attention: str
) -> nn.Module:
    """Draw the weights as training would begin with them; a seed gives the same everywhere."""
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed: it would also seed the accelerators, for good.
        torch.default_generator.manual_seed(seed)
        module: nn.Module = auto_class(config).from_config(
            copy.deepcopy(config),
            dtype=torch.float32,
            attn_implementation=attention,
            trust_remote_code=located.remote_code,
        )
    return module


def _read(
    located: Located, config: transformers.PretrainedConfig, dtype: torch.dtype, attention: str
) -> nn.Module:
    adapter = read_adapter(located) if located.base else None
    whole = _whole(located)
    options = _options(whole, config, dtype, attention)
    if adapter:
        module, info = _from_pretrained(adapter.model_class, whole, options)
        check_fit(module, info, whole.name)
        return merge_adapter(module, adapter)
    module, info = _from_pretrained(auto_class(config), whole, options)
    headed = named_class(config)
    if missing_keys(module, info) and headed and not isinstance(module, headed):
        # Embeddings that are tied to a head may be saved under the head's name only.
        other, of_other = _from_pretrained(headed, whole, options)
        if not missing_keys(other, of_other):
            check_fit(other, of_other, whole.name)
            advice = "save the model without its head and measure that"
            return without_head(other, remote_code=whole.remote_code, advice=advice)
    check_fit(module, info, whole.name)
    headless: nn.Module = module
    return headless


def _whole(located: Located) -> Located:
    """Return the model that is read: of an adapter its base."""
    whole = located.base or located
    if not whole.gguf_file and (whole.folder / "adapter_config.json").is_file():
        # Transformers would load the adapter, with whatever base it names, in its place.
        raise ModelError(
            f"{whole.name} has an adapter_config.json beside its own weights, so that it is not "
            "clear which of the two is meant; give each a folder of its own"
        )
    return whole


def _options(
    whole: Located, config: transformers.PretrainedConfig, dtype: torch.dtype, attention: str
) -> dict[str, object]:
    """Say how a model is to be read."""
    options: dict[str, object] = {
        **whole.options,
        "dtype": dtype,
        "attn_implementation": attention,
    }
    if whole.gguf_file:
        # Else transformers would load an adapter that lies beside the file in its place.
        options["adapter_kwargs"] = {"subfolder": _NO_FOLDER}
    else:
        # Unless told, transformers takes pickled weights where it finds no others.
        options["use_safetensors"] = not whole.pickled
    if is_encoder_alone(config):
        options["config"] = config
    return options


def _from_pretrained(
    kind: type[transformers.PreTrainedModel] | Headed, whole: Located, options: Mapping[str, object]
) -> tuple[transformers.PreTrainedModel, LoadingInfo]:
    """Load a model with a class of transformers; also return which weights fitted."""
    with gguf_files.read_once(options):
        loaded: tuple[transformers.PreTrainedModel, LoadingInfo] = kind.from_pretrained(
            whole.folder,
            output_loading_info=True,
            # check_fit reports them, in one line.
            ignore_mismatched_sizes=True,
            trust_remote_code=whole.remote_code,
            weights_only=True,
            **options,
        )
    gguf_files.forget()
    return loaded


def _check_finite(module: nn.Module, name: str) -> None:
    for key, weight in module.named_parameters():
        numbers = weight.detach()
        if numbers.is_floating_point() and numbers.dtype.itemsize == 1:
            # Those of one byte have no sum on most devices.
            numbers = numbers.float()
        # A sum takes no memory, but may overflow.
        if not torch.isfinite(numbers.sum()) and not torch.isfinite(numbers).all():
            raise ModelError(
                f"{name} holds weights that are not finite, {key} first; its file is damaged or "
                "its training diverged; get another checkpoint"
            )
