"""Loads a located model with its tokenizer, and finds out what it is."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)
from transformers.pytorch_utils import Conv1D

from embstore.checkpoints.located import Located
from embstore.checkpoints.silence import quiet
from embstore.errors import ModelError
from embstore.models.attention_maps import AttentionMaps, find_attention
from embstore.models.fast_linears import LinearKernel, speed_up_linears
from embstore.models.forward_pass import takes_images
from embstore.models.gguf_files import read_once
from embstore.models.heads import bare_model
from embstore.models.layout import StackLayout
from embstore.models.lens import Lens
from embstore.models.load import BUILDING, NOTHING, Beside, Weights, read_weights, refusing
from embstore.models.stacks import decoder_start, hidden_size, longest, reading_config
from embstore.models.structure import probe
from embstore.models.tail import find_tail
from embstore.types import Model

# Families whose positions are counted from behind the padding index: 514 mean 512.
_PADDED_POSITIONS = {
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod", "camembert"),
    *("data2vec-text", "longformer", "ibert", "mpnet"),
}


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in evaluation mode without its language-model head, and what is known of it.

    ``decoder_start_token_id`` is None for a decoder that begins with the last token of a window.
    ``lens`` is its head, and ``maps`` where its attention can be had, where they are wanted.
    """

    module: torch.nn.Module
    facts: Model
    stacks: tuple[StackLayout, ...]
    attention: str
    linear: LinearKernel
    device: torch.device
    decoder_start_token_id: int | None
    lens: Lens | None = None
    maps: AttentionMaps | None = None


def load_tokenizer(located: Located) -> transformers.PreTrainedTokenizerBase:
    """Load the tokenizer that belongs to the model.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    folder = located.tokenizer_folder or located.folder
    # A GGUF file holds its own tokenizer, also where it is the base of an adapter.
    holder = next((it for it in (located, located.base) if it and it.folder == folder), None)
    options = holder.options if holder and not located.other_tokenizer else {}
    with refusing(located, "load the tokenizer of"), read_once(options):
        tokenizer = AutoTokenizer.from_pretrained(
            folder,
            trust_remote_code=located.remote_code,
            **options,
        )
        # For some families transformers builds the family's own tokenizer from parts of the
        # file, even where the file says that it is to be taken as it is.
        if not options and _is_generic(folder):
            tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    # Where files are missing, transformers makes some tokenizers up, with an empty vocabulary.
    if not tokenizer("Any text gives tokens.", add_special_tokens=False)["input_ids"]:
        raise ModelError(
            f"{located.name} has no usable tokenizer: it turns text into no tokens; add the "
            "tokenizer's files to the model"
        )
    return tokenizer


def _is_generic(folder: Path) -> bool:
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except OSError:
        return False
    named = settings.get("tokenizer_class") in ("PreTrainedTokenizerFast", "TokenizersBackend")
    return named and "auto_map" not in settings and (folder / "tokenizer.json").is_file()


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
    """Load the configuration of what reads token ids; an adapter has that of its base.

    Raises:
        ModelError: it cannot be read, or is that of several models in one, none of text.
    """
    whole = located.base or located
    with refusing(whole, "read the configuration of"), read_once(whole.options):
        config = AutoConfig.from_pretrained(
            whole.folder, trust_remote_code=whole.remote_code, **whole.options
        )
    return reading_config(config, whole.name)


def context_length(
    config: transformers.PretrainedConfig, tokenizer: transformers.PreTrainedTokenizerBase
) -> int | None:
    """Return the longest sequence the model takes; None where neither config nor tokenizer says."""
    # Relative positions have no limit; T5's configuration still names one.
    limits = longest(config, "max_position_embeddings")
    if config.model_type in _PADDED_POSITIONS:
        limits = [limit - (config.pad_token_id or 0) - 1 for limit in limits]
    limits += [*longest(config, "n_positions"), tokenizer.model_max_length]
    known = [int(limit) for limit in limits if 0 < limit < 10**9]
    return min(known, default=None)


def examine(
    weights: Weights,
    located: Located,
    config: transformers.PretrainedConfig,
    *,
    context: int | None = None,
    fast_linears: bool = True,
    attention: bool = False,
) -> LoadedModel:
    """Find out by a probe what kind of model the weights make, and make it fast.

    Linear layers run through oneDNN where that is faster.

    Args:
        weights: the model; its linear layers may be changed in place.
        located: where the weights came from.
        config: the model's configuration.
        context: its longest sequence, where known; kept as a fact about the model.
        fast_linears: False to leave the linear layers as torch has them.
        attention: whether its attention is wanted.

    Raises:
        ModelError: the model cannot be run, or returns no hidden states; or its head or its
            attention is wanted, and cannot be had.
    """
    module, lens, maps = weights.module, None, None
    with refusing(located, "run"):
        found = probe(module, config)
        if attention:
            maps = find_attention(module, found.stacks, config)
        if weights.headed is not None:
            tail = find_tail(weights.headed, module, found.stacks, config, kind=found.kind)
            lens = Lens(tail)
    if found.changed_weights:
        _restore(module, located, config)
    facts = Model(
        name=located.name,
        source=located.source,
        kind=found.kind,
        architecture=config.model_type,
        n_layers=sum(stack.n_layers for stack in found.stacks),
        hidden_size=hidden_size(config),
        n_parameters=weights.n_parameters or _n_parameters(module, located, config),
        # Images have no vocabulary.
        vocab_size=None if takes_images(module) else config.vocab_size,
        context_length=context,
        modality="vision" if takes_images(module) else "text",
    )
    # Last: the probe and the facts are about the model as it was saved.
    linear: LinearKernel = "torch"
    # Packed weights would miss what a model does to its own at its first run.
    if fast_linears and not found.changed_weights:
        with quiet():
            linear = speed_up_linears(module, config, transposed=Conv1D)
    return LoadedModel(
        module=module,
        facts=facts,
        stacks=found.stacks,
        attention=weights.attention,
        linear=linear,
        device=next(module.parameters()).device,
        decoder_start_token_id=decoder_start(config),
        lens=lens,
        maps=maps,
    )


def _n_parameters(
    module: torch.nn.Module, located: Located, config: transformers.PretrainedConfig
) -> int:
    """Count the weights of a model, quantised ones as what they stand for."""
    if getattr(config, "quantization_config", None) is not None:
        # Two may be packed into one byte, or all of them kept in buffers.
        with refusing(located, "build"), BUILDING:
            remote_code = (located.base or located).remote_code
            module = bare_model(config, remote_code=remote_code)
    return sum(weight.numel() for weight in module.parameters())


def _restore(
    module: torch.nn.Module, located: Located, config: transformers.PretrainedConfig
) -> None:
    """Give a model the weights that it was read with, by reading them again."""
    some = next(module.parameters())
    again = read_weights(located, config, device=some.device, dtype=some.dtype).module
    with torch.no_grad():
        for weight, original in zip(module.parameters(), again.parameters(), strict=True):
            weight.copy_(original)


def load_model(
    located: Located,
    config: transformers.PretrainedConfig,
    *,
    device: torch.device,
    dtype: torch.dtype,
    context: int | None = None,
    fast_linears: bool = True,
    beside: Beside = NOTHING,
) -> LoadedModel:
    """Read the weights and examine the model that they make.

    Raises:
        ModelError: as ``read_weights`` and ``examine``.
    """
    weights = read_weights(located, config, device=device, dtype=dtype, beside=beside)
    return examine(
        *(weights, located, config),
        context=context,
        fast_linears=fast_linears,
        attention=beside.attention,
    )
