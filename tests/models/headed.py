"""Models with their heads: as embstore loads them, and as transformers runs them."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoConfig, PreTrainedModel

from embstore.inputs.windows import Windows
from embstore.models.hidden_states import HiddenBatch, hidden_batches
from embstore.models.loaded import LoadedModel
from embstore.types import LayerKey, TokenNumber
from tests import tiny_models


def token_ids(n: int = 3, window: int = 13) -> np.ndarray:
    return np.random.default_rng(0).integers(10, tiny_models.VOCAB, size=(n, window))


def batches_of(
    model: LoadedModel, ids: np.ndarray, mask: np.ndarray | None = None, batch_size: int = 2
) -> list[HiddenBatch]:
    mask = np.ones(ids.shape, dtype=np.bool_) if mask is None else mask
    return list(hidden_batches(model, Windows(ids, mask, 0, ""), batch_size=batch_size))


def made_of(batch: HiddenBatch, key: LayerKey, what: TokenNumber) -> np.ndarray:
    """What the model's head or its attention makes of each token of a layer."""
    found = batch.token_numbers[key][what]
    assert isinstance(found, np.ndarray), found
    return found


def by_transformers(folder: Path, ids: np.ndarray, *, eager: bool = False) -> dict[str, object]:
    """What the model itself returns, with its head; of an encoder-decoder as it is trained."""
    config = AutoConfig.from_pretrained(folder)
    kind = tiny_models.headed_class(config)
    chosen = {"attn_implementation": "eager"} if eager else {}
    model: PreTrainedModel = kind.from_pretrained(folder, **chosen).eval()
    tokens = torch.from_numpy(ids)
    inputs = {"input_ids": tokens}
    if config.is_encoder_decoder:
        shifted = tokens.roll(1, dims=1)
        shifted[:, 0] = getattr(config, "decoder_start_token_id", None) or 0
        inputs["decoder_input_ids"] = shifted
    asks = {"output_attentions": True} if eager else {}
    with torch.inference_mode():
        found: dict[str, object] = dict(
            model(**inputs, output_hidden_states=True, return_dict=True, **asks)
        )
    return found


def log_shares(logits: object) -> np.ndarray:
    """The logarithms of the softmax, in double precision, (windows, window, vocabulary)."""
    assert isinstance(logits, torch.Tensor)
    z = logits.double().numpy()
    z = z - z.max(axis=-1, keepdims=True)
    shares: np.ndarray = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return shares
