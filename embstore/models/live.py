"""A model in training as it is measured: by a copy that shares its weights.

The model itself is never run and never switched. What training adds stays with it alone: training
mode, dropout, hooks, compiled code, wrappers for several processes and for mixed precision.
"""

import copy
from collections.abc import Iterator
from pathlib import Path

import torch
import transformers
from torch import nn

from embstore.checkpoints.located import Located
from embstore.checkpoints.silence import quiet
from embstore.errors import ModelError
from embstore.models.adapters import MERGING
from embstore.models.base_on_disk import is_as_on_disk
from embstore.models.heads import headed_class, no_head, without_head
from embstore.models.load import NOTHING, Beside, Weights, refusing
from embstore.models.shared_copy import shared_copy
from embstore.models.stacks import reading_config, text_stack
from embstore.models.weight_changes import changes_of

# They change their weights as soon as they run, so theirs must not be shared.
_CHANGING = {"rwkv"}
# Whose tensors stand for weights that they have packed.
_QUANTISERS = {"bitsandbytes", "hqq", "optimum", "quanto", "torchao"}
_ADVICE = "save the model without its head, and measure that"


class LiveModel:
    """A model of transformers while it trains, alone or within another module.

    Attributes:
        name: what the store calls it.
        saved: what writes checkpoints of it with ``save_pretrained``: the model, or its adapter.
        device: where its weights are.
    """

    def __init__(self, module: nn.Module, name: str, *, remote_code: bool) -> None:
        """Find the model.

        Args:
            module: the model, or a module that holds one, wrapped or not.
            name: what the store calls it.
            remote_code: whether it may be one with code of its own.

        Raises:
            ModelError: there is none, or more than one; or it has code of its own, or an adapter
                that cannot be merged into it.
        """
        found = list(_models_in(unwrapped(module)))
        if len(found) != 1:
            kinds = ", ".join(type(model).__name__ for model in found)
            raise ModelError(
                f"{type(unwrapped(module)).__name__} holds {len(found)} models of transformers"
                f"{f' ({kinds})' if kinds else ''}; give the one to measure"
            )
        (self.saved,) = found
        self.name = name
        self.device = next(self.saved.parameters()).device
        self._remote_code = remote_code
        if not remote_code and self._whole.config.model_type not in transformers.CONFIG_MAPPING:
            raise ModelError(
                f"{name}, a {type(self._whole).__name__}, comes with Python code of its own, which "
                "is run again to read its checkpoints; allow that with allow_remote_code=True"
            )
        for adapter in getattr(self.saved, "peft_config", {}).values():
            kind = str(getattr(adapter.peft_type, "value", adapter.peft_type))
            if kind not in MERGING:
                raise ModelError(
                    f"{name} has an adapter of kind {kind}, which cannot be merged into it; "
                    f"embstore measures adapters of the kinds {', '.join(MERGING)}"
                )

    @property
    def packed_beneath(self) -> str | None:
        """Name a weight that is quantised beneath an adapter, as QLoRA trains; None if none is.

        Its checkpoints are of the adapter alone, and are read with a base that is not quantised.
        """
        if not self.is_adapted:
            return None
        named = self.saved.named_parameters()
        return next((name for name, weight in named if _is_packed(weight)), None)

    @property
    def is_adapted(self) -> bool:
        """Whether its checkpoints are those of an adapter, without the model beneath."""
        return bool(getattr(self.saved, "peft_config", None))

    def has_base(self, base: Located) -> bool:
        """Tell whether the model beneath its adapter is that of some files, number for number.

        Args:
            base: the files that its checkpoints are read with.

        Returns:
            False where it has the same numbers with fewer digits, or that cannot be told.

        Raises:
            ModelError: it is another model.
        """
        adapters = getattr(self.saved, "peft_config", {}).values()
        begun = [getattr(adapter, "init_lora_weights", None) for adapter in adapters]
        # As PiSSA and OLoRA, which leave less in the weights that they adapt.
        reworked = any(isinstance(how, str) and how != "gaussian" for how in begun)
        with refusing(base, "read the weights of"):
            return is_as_on_disk(self._whole, base, name=self.name, reworked=reworked)

    @property
    def config(self) -> transformers.PretrainedConfig:
        """The configuration of what reads token ids, as it would be read from a checkpoint."""
        config = copy.deepcopy(self._whole.config)
        # As saving notes it.
        config.architectures = [type(self._whole).__name__]
        return reading_config(config, self.name)

    def save_config(self, folder: Path) -> None:
        """Write the configuration of the whole model, of an adapter that of its base."""
        config = copy.deepcopy(self._whole.config)
        if not self.is_adapted:
            # As saving the model notes them: it may be built of those of another.
            config.architectures = [type(self._whole).__name__.removeprefix("FSDP")]
            config.dtype = str(self._whole.dtype).removeprefix("torch.")
        with quiet():
            config.save_pretrained(folder)

    def save(self, folder: Path) -> None:
        """Write a checkpoint, as the Trainer does; of several adapters only the active one."""
        saved, chosen = self.saved, {}
        if _is_peft(saved):
            chosen = {"selected_adapters": [self._active_adapter]}
        else:
            # Saving notes things in the configuration, and refuses one for generating that
            # transformers would not write; neither says anything of the weights.
            saved = copy.copy(saved)
            saved.config = copy.deepcopy(saved.config)
            saved.generation_config = transformers.GenerationConfig()
            if _is_dequantised(saved):
                saved.hf_quantizer = None  # type: ignore[assignment]
        with quiet():
            saved.save_pretrained(folder, **chosen)  # type: ignore[operator]

    def place_in(self, folder: Path) -> Path:
        """Return where in a checkpoint this model is: adapters with a name have a folder each."""
        if _is_peft(self.saved) and (folder / self._active_adapter).is_dir():
            return folder / self._active_adapter
        return folder

    def weights(self, dtype: torch.dtype, beside: Beside = NOTHING) -> Weights | None:
        """Return a copy to run, in evaluation mode and without a head, that shares the weights.

        Weights of another dtype are converted for it, and take memory.

        Args:
            dtype: of the copy.
            beside: what is wanted beside the hidden states.

        Raises:
            ModelError: a head is wanted, and the model has none.

        Returns:
            The copy; None for a model that must be read from a checkpoint instead: one that
            changes its own weights when it runs, or whose buffers have lost digits that a
            checkpoint's would have.
        """
        body = self._body()
        if self.config.model_type in _CHANGING or _has_narrow_buffers(body, dtype):
            return None
        if not beside.head:
            alone = shared_copy(body, dtype)
            return Weights(alone, _steady_attention(alone, beside))
        headed_class(self.config, self.name)
        if self._whole.get_output_embeddings() is None:
            raise no_head(self.name, type(self._whole).__name__)
        headed = shared_copy(self._whole, dtype)
        alone = without_head(headed, remote_code=self._remote_code, advice=_ADVICE).eval()
        return Weights(alone, _steady_attention(alone, beside), headed)

    def changes(self) -> list[int]:
        """Return how often each weight was changed in place."""
        return changes_of(self.saved.parameters())

    def restore(self, weights: Weights) -> None:
        """Give the model back the weights that a checkpoint of this moment has."""
        with torch.no_grad():
            for weight, before in zip(
                self._body().parameters(), weights.module.parameters(), strict=True
            ):
                weight.copy_(before)

    @property
    def _active_adapter(self) -> str:
        return str(self.saved.active_adapter)

    @property
    def _whole(self) -> transformers.PreTrainedModel:
        whole: transformers.PreTrainedModel = (
            self.saved.get_base_model() if _is_peft(self.saved) else self.saved  # type: ignore[operator]
        )
        return whole

    def _body(self) -> nn.Module:
        body = without_head(self._whole, remote_code=self._remote_code, advice=_ADVICE)
        return text_stack(body, self.config, self.name)


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the model beneath what compiles it and what runs it in several processes."""
    while True:
        inner = getattr(module, "_orig_mod", None)
        if inner is None and (
            isinstance(module, nn.parallel.DistributedDataParallel | nn.DataParallel)
            or type(module).__name__ == "DeepSpeedEngine"
        ):
            inner = module.module
        if inner is None:
            return module
        module = inner


def spread_by(module: nn.Module) -> str | None:
    """Name what spreads a model's weights over processes, so that none has them whole."""
    for part in module.modules():
        if {"FullyShardedDataParallel", "FSDPModule"} & _kinds(part):
            return "FSDP"
    for weight in module.parameters():
        if hasattr(weight, "ds_id"):
            return "DeepSpeed ZeRO-3"
        if "DTensor" in _kinds(weight) | _kinds(weight.data):
            return "tensor parallelism"
    return None


def holds_transformers(module: nn.Module) -> bool:
    """Tell whether a module is, or holds, a model that transformers can read from a checkpoint.

    One that is only written like those of transformers is as good as any other of plain torch.
    """
    return any(_can_be_read(model) for model in _models_in(unwrapped(module)))


def _kinds(thing: object) -> set[str]:
    return {kind.__name__ for kind in type(thing).__mro__}


def _models_in(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the outermost models of transformers, and of peft, each once."""
    seen: set[nn.Module] = set()
    open_: list[nn.Module] = [module]
    while open_:
        part = open_.pop()
        if part in seen:
            continue
        seen.add(part)
        if isinstance(part, transformers.PreTrainedModel) or _is_peft(part):
            yield part
        else:
            open_ += [unwrapped(child) for child in part.children()]


def _can_be_read(model: nn.Module) -> bool:
    if _is_peft(model):
        return True
    config = model.config
    # The code of some comes with their checkpoints.
    kind = getattr(config, "model_type", None)
    return kind in transformers.CONFIG_MAPPING or hasattr(config, "auto_map")


def _is_peft(part: nn.Module) -> bool:
    return hasattr(part, "peft_config") and hasattr(part, "get_base_model")


def _is_dequantised(model: nn.Module) -> bool:
    """Tell whether weights were unpacked when they were read, as those of a GGUF file are.

    Transformers would not write them, although nothing of them is packed any more.
    """
    return all(type(w) is nn.Parameter and w.is_floating_point() for w in model.parameters())


def _is_packed(weight: torch.Tensor) -> bool:
    """Tell whether a weight's numbers are not those that the model computes with."""
    packages = {
        kind.__module__.partition(".")[0]
        for it in (weight, weight.data)
        for kind in type(it).__mro__
    }
    if packages & _QUANTISERS:
        return True
    numbers = weight.is_floating_point() or weight.is_complex()
    # Those of one byte go with scales.
    return not numbers or weight.dtype.itemsize < 2


def _has_narrow_buffers(body: nn.Module, dtype: torch.dtype) -> bool:
    """Tell whether numbers that no checkpoint holds were rounded, as ``model.bfloat16()`` does."""
    wanted = torch.finfo(dtype).bits
    return any(
        buffer.is_floating_point() and torch.finfo(buffer.dtype).bits < wanted
        for part in body.modules()
        for name, buffer in part.named_buffers(recurse=False)
        if name in part._non_persistent_buffers_set
    )


def _steady_attention(body: nn.Module, beside: Beside) -> str:
    """Choose the attention kernel that a checkpoint would be run with."""
    config = getattr(body, "config", None)
    kernels = ("eager",) if beside.attention else ("sdpa", "eager")
    if getattr(config, "_attn_implementation", None) != kernels[0] and hasattr(
        body, "set_attn_implementation"
    ):
        for kernel in kernels:
            try:
                with quiet():
                    body.set_attn_implementation(kernel)  # type: ignore[operator]
                break
            except (ValueError, ImportError):
                continue
    return str(getattr(config, "_attn_implementation", None) or "eager")
