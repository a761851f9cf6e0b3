"""Entropy of the logit lens against that of transformers' logits, and of an even prediction."""

import math
from pathlib import Path

import numpy as np
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
def test_at_the_last_layer_it_is_that_of_the_models_prediction(family: str, tmp_path: Path) -> None:
    windows = measured(tmp_path, family)
    of_tokens = entropy(np.exp(windows.log_shares()), axis=-1)
    assert_is_the_mean(windows.found["lens_entropy", 3, "block", "all"], of_tokens.mean(axis=1))
    found = windows.found["lens_entropy", 3, "block", "no_first"]
    assert_is_the_mean(found, of_tokens[:, 1:].mean(axis=1))


def test_a_head_of_zeros_predicts_all_words_alike(tmp_path: Path) -> None:
    tiny_models.build_headed("llama", tmp_path)
    whole = LlamaForCausalLM.from_pretrained(tmp_path)
    with torch.no_grad():
        whole.lm_head.weight.zero_()
    whole.save_pretrained(tmp_path)
    model = tiny_models.load(tmp_path, beside=Beside(head=True))
    (batch,) = batches_of(model, token_ids(), batch_size=3)
    for key in (LayerKey("decoder", 0, "embedding"), LayerKey("decoder", 2, "block")):
        even = pytest.approx(math.log(tiny_models.VOCAB), rel=1e-6)
        assert made_of(batch, key, "lens entropy") == even
        assert made_of(batch, key, "lens divergence") == pytest.approx(0, abs=1e-6)
