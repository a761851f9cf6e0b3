"""Attention entropy against SciPy on what transformers returns, and closed forms."""

import math
from pathlib import Path

import pytest
import torch
from scipy.stats import entropy
from transformers import LlamaForCausalLM

from embstore.models.load import Beside
from embstore.types import LayerKey
from tests import tiny_models
from tests.metrics.of_the_model import assert_is_the_mean, measured
from tests.models.headed import batches_of, made_of, token_ids


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_it_is_that_of_the_models_attention(family: str, tmp_path: Path) -> None:
    windows = measured(tmp_path, family)
    for layer in (1, 2, 3):
        of_tokens = entropy(windows.attention(layer), axis=-1).mean(axis=1)
        found = windows.found["attention_entropy", layer, "block", "all"]
        assert_is_the_mean(found, of_tokens.mean(axis=1))
        without_first = windows.found["attention_entropy", layer, "block", "no_first"]
        assert_is_the_mean(without_first, of_tokens[:, 1:].mean(axis=1))
    normed = windows.found.get(("attention_entropy", 3, "final_norm", "all"))
    assert normed is None or normed.value == found.value
    embedding = windows.found["attention_entropy", 0, "embedding", "all"]
    assert embedding.reason == "no attention comes before the embedding"


def test_even_attention_has_the_logarithm_of_what_a_token_sees(tmp_path: Path) -> None:
    tiny_models.build_headed("llama", tmp_path)
    whole = LlamaForCausalLM.from_pretrained(tmp_path)
    with torch.no_grad():
        for block in whole.model.layers:
            block.self_attn.q_proj.weight.zero_()
    whole.save_pretrained(tmp_path)
    model = tiny_models.load(tmp_path, beside=Beside(attention=True))
    (batch,) = batches_of(model, token_ids(), batch_size=3)
    found = made_of(batch, LayerKey("decoder", 2, "block"), "attention entropy")
    expected = [math.log(i) for i in range(1, 14)]
    for window in found:
        assert window == pytest.approx(expected, abs=1e-6)
    # As the notes say of a whole window.
    assert found.mean() == pytest.approx(math.lgamma(14) / 13, abs=1e-6)
