"""Merges a PEFT adapter into its base model, which then has no trace of one."""

import contextlib
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModel

from embstore.checkpoints.located import Located
from embstore.errors import ModelError
from embstore.models.heads import without_head

# Those that change weights and can be merged into them; the others change the input, or
# hold state of their own.
MERGING = ("LORA", "LOHA", "LOKR", "IA3")
# The head that the adapter was trained with decides what its keys are called.
_CLASSES = {
    "CAUSAL_LM": "AutoModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "FEATURE_EXTRACTION": "AutoModel",
}
# What peft writes before every key.
_PREFIX = "base_model.model."


@dataclass(frozen=True)
class Adapter:
    """What an adapter's folder says of it.

    Attributes:
        name: of the whole, for messages.
        folder: holds its configuration and weights.
        model_class: loads the base as it was when the adapter was trained.
        pickled: whether its weights are.
        remote_code: whether the base may be one with code of its own.
    """

    name: str
    folder: Path
    model_class: type[transformers.PreTrainedModel]
    pickled: bool
    remote_code: bool

    def weights(self) -> dict[str, Tensor]:
        """Read its tensors."""
        if self.pickled:
            file = self.folder / "adapter_model.bin"
            tensors: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
            return tensors
        return load_file(self.folder / "adapter_model.safetensors")


def read_adapter(located: Located) -> Adapter:
    """Read an adapter's configuration; its base is not touched.

    Raises:
        ModelError: peft is not installed, or the adapter is of a kind that cannot be merged.
    """
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"{located.name} is an adapter and needs the peft extra, which is not installed; "
            "run: pip install 'embstore[peft]'"
        ) from error
    try:
        settings = json.loads((located.folder / "adapter_config.json").read_text(encoding="utf-8"))
        kind, task = settings["peft_type"], settings.get("task_type")
        trained = (settings.get("auto_mapping") or {}).get("base_model_class")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(
            f"the adapter_config.json of {located.name} does not say what kind of adapter it is; "
            "get the adapter again"
        ) from error
    if kind not in MERGING:
        raise ModelError(
            f"{located.name} is an adapter of kind {kind}, which cannot be merged into its base; "
            f"embstore measures adapters of the kinds {', '.join(MERGING)}"
        )
    named = getattr(transformers, _CLASSES.get(task, trained) or "AutoModel", None)
    return Adapter(
        name=located.name,
        folder=located.folder,
        model_class=named or AutoModel,
        pickled=located.pickled,
        remote_code=located.base is not None and located.base.remote_code,
    )


def merge_adapter(base: transformers.PreTrainedModel, adapter: Adapter) -> nn.Module:
    """Add an adapter to its base model's weights, and return the model without its head.

    Args:
        base: of the adapter's ``model_class``; it is changed in place.
        adapter: what to add.

    Raises:
        ModelError: tensors of the adapter fit nothing in the base, or some are lacking.
    """
    return without_head(
        _merged(base, adapter, _of_the_body(adapter.weights(), base)),
        remote_code=adapter.remote_code,
        advice="merge the adapter with peft and measure the result",
    )


def merged(base: transformers.PreTrainedModel, adapter: Adapter) -> transformers.PreTrainedModel:
    """Add an adapter to its base model's weights, and return the model with its head.

    Args:
        base: with its language-model head; it is changed in place.
        adapter: what to add.

    Raises:
        ModelError: as ``merge_adapter``, or the adapter changes the head.
    """
    tensors = adapter.weights()
    of_body = _of_the_body(tensors, base)
    if of_head := sorted(tensors.keys() - of_body.keys()):
        raise ModelError(
            f"the adapter {adapter.name} changes the head of its base ({of_head[0]}); merge it "
            "with peft and measure the result, or leave the head out"
        )
    return _merged(base, adapter, of_body)


def _merged(
    base: transformers.PreTrainedModel, adapter: Adapter, tensors: Mapping[str, Tensor]
) -> transformers.PreTrainedModel:
    from peft import PeftConfig, get_peft_model, set_peft_model_state_dict

    with _no_warnings():
        config = PeftConfig.from_pretrained(str(adapter.folder))
        config.inference_mode = True
        # Peft would take a head of the base's size for the trained one.
        config.task_type = None
        if config.modules_to_save:
            config.modules_to_save = _in_the_body(config.modules_to_save, base) or None
        adapted = get_peft_model(base, config)
        _check(tensors, adapted, adapter.name)
        set_peft_model_state_dict(adapted, dict(tensors))
        whole: transformers.PreTrainedModel = adapted.merge_and_unload(safe_merge=True)
    return whole


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """Hide peft's advice to those who train."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _in_the_body(names: Iterable[str], base: transformers.PreTrainedModel) -> list[str]:
    """Leave out modules of the head, given by how their names end."""
    paths = [f".{path}" for path, _ in base.base_model.named_modules()]
    return [name for name in names if any(path.endswith(f".{name}") for path in paths)]


def _of_the_body(
    tensors: Mapping[str, Tensor], base: transformers.PreTrainedModel
) -> dict[str, Tensor]:
    """Leave out a head that was trained along: no hidden state depends on it."""
    if base.base_model is base:
        return dict(tensors)
    body = f"{_PREFIX}{base.base_model_prefix}."
    return {key: tensor for key, tensor in tensors.items() if key.startswith(body)}


def _check(tensors: Mapping[str, Tensor], adapted: nn.Module, name: str) -> None:
    """Check names and shapes: peft would leave out without an error what it cannot place."""
    from peft import get_peft_model_state_dict

    held = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    # Embeddings that were resized are saved whole.
    places = dict(adapted.state_dict()) | held
    if not tensors:
        raise _misfit(name, "it has no tensor for any layer before the head")
    for key, tensor in tensors.items():
        if key not in places:
            raise _misfit(name, f"it has no parameter for {key}")
        if places[key].shape != tensor.shape:
            expected = tuple(places[key].shape)
            raise _misfit(name, f"{key} has shape {tuple(tensor.shape)}, expected {expected}")
    base_prefix = getattr(adapted.get_base_model(), "base_model_prefix", "")  # type: ignore[operator]
    body = f"{_PREFIX}{base_prefix}."
    in_body = any(key.startswith(body) for key in held)
    absent = sorted(k for k in held.keys() - tensors.keys() if k.startswith(body) or not in_body)
    if absent:
        raise _misfit(name, f"its file lacks {absent[0]}")


def _misfit(name: str, problem: str) -> ModelError:
    return ModelError(
        f"the adapter {name} does not fit its base model: {problem}; check that both are the "
        "ones that were trained together"
    )
