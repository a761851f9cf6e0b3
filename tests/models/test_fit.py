"""Weights that nothing in a model uses are refused, what is known to be harmless is not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn
from transformers import AutoModel

from embstore.errors import ModelError
from embstore.models.fit import LoadingInfo, check_fit


@pytest.fixture(scope="module")
def llama(tiny_llama: Path) -> nn.Module:
    model: nn.Module = AutoModel.from_pretrained(tiny_llama)
    return model


@pytest.fixture(scope="module")
def gpt2(build: Callable[[str], Path]) -> nn.Module:
    model: nn.Module = AutoModel.from_pretrained(build("gpt2"))
    return model


def unexpected(*keys: str) -> LoadingInfo:
    return {"missing_keys": set(), "unexpected_keys": set(keys), "mismatched_keys": set()}


@pytest.mark.parametrize(
    "key",
    [
        "layers.0.mlp.down_proj.weight_scale_inv",
        "model.layers.2.self_attn.q_proj.weight_scale",
        "layers.1.self_attn.k_proj.input_scale",
        "layers.1.self_attn.k_proj.weight.absmax",
        "model.layers.1.mlp.up_proj.SCB",
        "model.layers.1.mlp.up_proj.qzeros",
    ],
)
def test_scales_that_nothing_applies(llama: nn.Module, key: str) -> None:
    message = rf"are quantised and hold {key}, but the configuration has no quantization_config"
    with pytest.raises(ModelError, match=message):
        check_fit(llama, unexpected(key), "model")


@pytest.mark.parametrize(
    "key", ["layers.0.extra_norm.weight", "model.layers.1.mlp.gate.weight", "model.smear.weight"]
)
def test_weights_that_nothing_uses(llama: nn.Module, key: str) -> None:
    with pytest.raises(ModelError, match=f"hold {key}, which nothing in the model uses"):
        check_fit(llama, unexpected(key), "model")


@pytest.mark.parametrize(
    "key",
    [
        "lm_head.weight",
        "score.weight",
        "cls.predictions.transform.dense.weight",
        "vision_tower.encoder.layers.0.weight",
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.embeddings.position_ids",
        "model.pooler.dense.weight",
        "mtp.layers.0.mlp.up_proj.weight",
    ],
)
def test_heads_and_what_is_computed_anyway_are_harmless(llama: nn.Module, key: str) -> None:
    check_fit(llama, unexpected(key), "model")


def test_masks_that_were_saved_as_buffers_are_harmless(gpt2: nn.Module) -> None:
    check_fit(gpt2, unexpected("transformer.h.0.attn.bias", "h.1.attn.masked_bias"), "model")


def test_one_weight_that_is_missing_is_one(llama: nn.Module) -> None:
    info = unexpected()
    info["missing_keys"].add("norm.weight")
    with pytest.raises(ModelError, match=r"model lacks 1 weight, norm\.weight first"):
        check_fit(llama, info, "model")
