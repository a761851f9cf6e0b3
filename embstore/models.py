"""Loads a located model with its tokenizer, and finds out what it is."""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.pytorch_utils import Conv1D

from embstore.errors import ModelError, UsageError
from embstore.linears import LinearKernel, speed_up_linears
from embstore.locate import Located, first_line
from embstore.probe import StackPlan, probe
from embstore.types import Model

# Families whose positions are counted from behind the padding index: 514 mean 512.
_PADDED_POSITIONS = {
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod", "camembert"),
    *("data2vec-text", "longformer", "ibert", "mpnet"),
}
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in evaluation mode without its language-model head, and what is known of it."""

    module: torch.nn.Module
    facts: Model
    stacks: tuple[StackPlan, ...]
    attention: str
    linear: LinearKernel
    device: torch.device
    decoder_start_token_id: int | None


def load_tokenizer(located: Located) -> transformers.PreTrainedTokenizerBase:
    """Load the tokenizer that belongs to the model.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    with _quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(located.folder, **located.options)
        except Exception as error:
            raise ModelError(
                f"cannot load the tokenizer of {located.name}: {first_line(error)}"
            ) from error
    # Without its files transformers makes some tokenizers up, empty.
    if not tokenizer("Any text gives tokens.", add_special_tokens=False)["input_ids"]:
        raise ModelError(
            f"{located.name} has no usable tokenizer: it turns text into no tokens; add the "
            "tokenizer's files to the model"
        )
    return tokenizer


def tokenizer_sha256(tokenizer: transformers.PreTrainedTokenizerBase) -> str:
    """Fingerprint everything that decides which ids a text becomes."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        # Truncation and padding are set by the last call, not by the tokenizer.
        rules = json.loads(backend.to_str()) | {"truncation": None, "padding": None}
    else:
        rules = {"class": type(tokenizer).__name__, "vocab": tokenizer.get_vocab()}
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def load_config(located: Located) -> transformers.PretrainedConfig:
    """Load the model's configuration.

    Raises:
        ModelError: it cannot be read.
    """
    with _quiet():
        try:
            return AutoConfig.from_pretrained(located.folder, **located.options)
        except Exception as error:
            raise ModelError(
                f"cannot read the configuration of {located.name}: {first_line(error)}"
            ) from error


def context_length(
    config: transformers.PretrainedConfig, tokenizer: transformers.PreTrainedTokenizerBase
) -> int | None:
    """Return the longest sequence the model takes; None where neither config nor tokenizer says."""
    # Relative positions have no limit; T5's configuration still names one.
    limits = [getattr(config, key, None) for key in ("max_position_embeddings", "n_positions")]
    if config.model_type in _PADDED_POSITIONS and isinstance(limits[0], int):
        limits[0] -= (config.pad_token_id or 0) + 1
    limits.append(tokenizer.model_max_length)
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < 10**9]
    return min(known, default=None)


def choose_device(wanted: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps`` into a device that is there.

    Raises:
        UsageError: no such device, or not on this machine.
    """
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {wanted!r} cannot be used here: {first_line(error)}") from error
    return device


def choose_dtype(wanted: str) -> torch.dtype:
    """Turn a name into a dtype. ``auto`` is float32: bfloat16 shifts metrics by up to 5 %.

    Raises:
        UsageError: unknown name.
    """
    try:
        return _DTYPES["float32" if wanted == "auto" else wanted]
    except KeyError:
        known = ", ".join(["auto", *_DTYPES])
        raise UsageError(f"unknown dtype {wanted!r}; choose from {known}") from None


def load_model(
    located: Located,
    config: transformers.PretrainedConfig,
    *,
    device: torch.device,
    dtype: torch.dtype,
    context: int | None = None,
    fast_linears: bool = True,
) -> LoadedModel:
    """Load the weights and find out by a probe what kind of model they make.

    Attention runs through SDPA where the architecture supports it, linear layers through
    oneDNN where that is faster.

    Args:
        located: where the weights are.
        config: the model's configuration.
        device: where to run it.
        dtype: of the weights and of the forward pass.
        context: its longest sequence, where known; kept as a fact about the model.
        fast_linears: False to leave the linear layers as torch has them.

    Raises:
        ModelError: unreadable weights, or weights that leave parameters uninitialised.
    """
    attention = "sdpa"
    with _quiet():
        try:
            try:
                module, report = _from_pretrained(located, dtype, attention)
            except ValueError as error:
                if "scaled_dot_product_attention" not in str(error):
                    raise
                attention = "eager"
                module, report = _from_pretrained(located, dtype, attention)
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise ModelError(f"cannot load {located.name}: {first_line(error)}") from error
    # A pooler comes after the last hidden state; many encoders are saved without.
    absent = sorted(key for key in report["missing_keys"] if not key.startswith("pooler"))
    if absent:
        raise ModelError(
            f"{located.name} lacks {len(absent)} weights, {absent[0]} first; measuring would "
            "use random numbers in their place; get a complete checkpoint"
        )
    module = module.to(device).eval()
    found = probe(module, config)
    facts = Model(
        name=located.name,
        source=located.source,
        kind=found.kind,
        architecture=config.model_type,
        n_layers=sum(stack.n_layers for stack in found.stacks),
        hidden_size=config.hidden_size,
        n_parameters=sum(p.numel() for p in module.parameters()),
        vocab_size=config.vocab_size,
        context_length=context,
    )
    # Last: the probe and the facts are about the model as it was saved.
    linear: LinearKernel = "torch"
    if fast_linears:
        linear = speed_up_linears(module, config, transposed=Conv1D)
    start = getattr(config, "decoder_start_token_id", None)
    return LoadedModel(
        module=module,
        facts=facts,
        stacks=found.stacks,
        attention=attention,
        linear=linear,
        device=device,
        decoder_start_token_id=start if start is not None else config.pad_token_id,
    )


def _from_pretrained(
    located: Located, dtype: torch.dtype, attention: str
) -> tuple[torch.nn.Module, dict[str, set[str]]]:
    module, report = AutoModel.from_pretrained(
        located.folder,
        dtype=dtype,
        attn_implementation=attention,
        output_loading_info=True,
        **located.options,
    )
    return module, report


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' own progress bars and advice off the terminal."""
    logging = transformers.utils.logging
    verbosity = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        # The bar of GGUF conversion obeys neither switch.
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
