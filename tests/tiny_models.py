"""Random-weight models of many families, small enough to build in a test."""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModel,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from embstore.checkpoints.locate import locate
from embstore.models.load import NOTHING, Beside
from embstore.models.loaded import LoadedModel, load_config, load_model

VOCAB = 200
_SMALL: dict[str, object] = {"num_hidden_layers": 3, "num_attention_heads": 2, "hidden_size": 32}
_LIMIT: dict[str, object] = {"max_position_embeddings": 128}
_USUAL: dict[str, object] = {**_SMALL, **_LIMIT, "intermediate_size": 64}
# One pair of keys and values for both heads.
_GROUPED: dict[str, object] = {**_USUAL, "num_key_value_heads": 1, "head_dim": 16}
_RELATIVE: dict[str, object] = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}

# What the probe must find out about each: kind, states, and which of them is final.
FAMILIES: dict[str, dict[str, object]] = {
    "gpt2": {"n_layer": 3, "n_head": 2, "n_embd": 32, "n_positions": 128},
    "gpt_neox": _USUAL,
    "opt": {**_SMALL, **_LIMIT, "ffn_dim": 64, "word_embed_proj_dim": 32},
    "bloom": {"n_layer": 3, "n_head": 2, "hidden_size": 32},
    "falcon": _SMALL,
    "llama": _USUAL,
    "mistral": _GROUPED,
    "mixtral": {**_GROUPED, "num_local_experts": 2, "num_experts_per_tok": 1},
    "qwen2": _GROUPED,
    "qwen3": _GROUPED,
    "gemma": _GROUPED,
    "gemma2": _GROUPED,
    "gemma3_text": _GROUPED,
    "phi": _USUAL,
    "phi3": _USUAL,
    "bert": _USUAL,
    "roberta": _USUAL,
    "distilbert": {"n_layers": 3, "n_heads": 2, "dim": 32, "hidden_dim": 64, **_LIMIT},
    "deberta": {**_USUAL, **_RELATIVE},
    "deberta-v2": {**_USUAL, **_RELATIVE},
    # Embeddings narrower than the blocks, into which they are projected.
    "electra": {**_USUAL, "embedding_size": 16},
    # One block, applied three times.
    "albert": {**_USUAL, "embedding_size": 16},
    "modernbert": _USUAL,
    "mamba": {"num_hidden_layers": 3, "hidden_size": 32},
    # Halves the state after the second block, and at its first run the weights behind it.
    "rwkv": {
        "num_hidden_layers": 3,
        "hidden_size": 32,
        "attention_hidden_size": 32,
        "context_length": 128,
        "rescale_every": 2,
    },
    # Gives its sparse attention up for good at the first window of 14 tokens or fewer.
    "big_bird": {
        **_USUAL,
        "attention_type": "block_sparse",
        "block_size": 2,
        "num_random_blocks": 1,
    },
    "t5": {"num_layers": 3, "num_heads": 2, "d_model": 32, "d_ff": 64, "d_kv": 16},
    "bart": {
        **_LIMIT,
        "encoder_layers": 3,
        "decoder_layers": 3,
        "d_model": 32,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
    },
}
# Two blocks in all: their lists look alike.
_ONE_LAYER = {"t5_one_layer": {**FAMILIES["t5"], "num_layers": 1}}


def build(family: str, folder: Path, *, seed: int = 0, with_head: bool = False) -> Path:
    """Save a random model of a family, with a tokenizer, as a model folder."""
    torch.manual_seed(seed)
    settings = FAMILIES[family] if family in FAMILIES else _ONE_LAYER[family]
    config = _config(family, settings)
    model = (
        headed_class(config)._from_config(config) if with_head else AutoModel.from_config(config)
    )
    model.save_pretrained(folder)
    return _with_tokenizer(folder)


def build_headed(family: str, folder: Path, *, seed: int = 0, **more: object) -> Path:
    """Save a random model of a family with its language-model head, as a model folder.

    Its weights are five times as large as usual, so that it is decided about its predictions.

    Args:
        family: one of ``FAMILIES``, or another that transformers knows with settings of its own.
        folder: where to.
        seed: draws the weights.
        more: settings beside, or instead of, those of the family.
    """
    torch.manual_seed(seed)
    config = _config(family, {**FAMILIES.get(family, {}), **more})
    model = headed_class(config)._from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(5)
    model.save_pretrained(folder)
    return _with_tokenizer(folder)


def headed_class(config: PretrainedConfig) -> type[PreTrainedModel]:
    """What transformers calls a family's model with its head; of an encoder the masked one."""
    families = (
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
        MODEL_FOR_MASKED_LM_MAPPING,
        MODEL_FOR_CAUSAL_LM_MAPPING,
    )
    known = (mapping.get(type(config), None) for mapping in families)
    found: type[PreTrainedModel] = next(kind for kind in known if kind)
    return found


def _config(family: str, settings: dict[str, object]) -> PretrainedConfig:
    config: PretrainedConfig = AutoConfig.for_model(
        family.removesuffix("_one_layer"),
        vocab_size=VOCAB,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **settings,
    )
    return config


def _with_tokenizer(folder: Path) -> Path:
    PreTrainedTokenizerFast(
        tokenizer_object=words(), unk_token="w3", pad_token="w0", model_max_length=128
    ).save_pretrained(folder)
    return folder


def build_overflowing(folder: Path) -> Path:
    """Save a decoder whose second block puts out numbers that float16 does not have."""
    build("llama", folder)
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        # Numbers of thousands, times weights of thousands: above 65,504.
        model.layers[1].mlp.up_proj.weight.mul_(1e5)
        model.layers[1].mlp.down_proj.weight.mul_(1e5)
    model.save_pretrained(folder)
    return folder


def words() -> Tokenizer:
    """A tokenizer of the words w0 to w199; w3 stands for any other."""
    tokenizer = Tokenizer(WordLevel({f"w{i}": i for i in range(VOCAB)}, unk_token="w3"))
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer


def load(
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    fast_linears: bool = True,
    beside: Beside = NOTHING,
) -> LoadedModel:
    """Load a model folder as ingest does, on the CPU."""
    located = locate(str(folder))
    return load_model(
        located,
        load_config(located),
        device=torch.device("cpu"),
        dtype=dtype,
        fast_linears=fast_linears,
        beside=beside,
    )
