"""Divergence of the logit lens from the output against SciPy, with the parts named by hand."""

from pathlib import Path

import numpy as np
import torch
from scipy.special import rel_entr
from transformers import LlamaForCausalLM

from tests.metrics.of_the_model import assert_is_the_mean, measured
from tests.models.headed import log_shares


def test_it_goes_from_the_output_to_the_lens(tmp_path: Path) -> None:
    windows = measured(tmp_path)
    whole = LlamaForCausalLM.from_pretrained(tmp_path).eval()
    states = windows.own["hidden_states"]
    assert isinstance(states, tuple)
    q = np.exp(windows.log_shares())
    # The last one that transformers returns is normed already.
    for layer, site in ((0, "embedding"), (1, "block"), (2, "block")):
        with torch.inference_mode():
            p = np.exp(log_shares(whole.lm_head(whole.model.norm(states[layer]))))
        of_tokens = rel_entr(q, p).sum(axis=-1)
        assert of_tokens.mean() > 0.05
        found = windows.found["lens_kl", layer, site, "all"]
        assert_is_the_mean(found, of_tokens.mean(axis=1))
        # The other direction is another number.
        assert np.abs(rel_entr(p, q).sum(axis=-1) - of_tokens).max() > 1e-3


def test_the_last_layer_is_not_away_from_itself(tmp_path: Path) -> None:
    windows = measured(tmp_path)
    for site in ("block", "final_norm"):
        found = windows.found["lens_kl", 3, site, "all"]
        assert (found.value, found.std_error) == (0.0, None)
