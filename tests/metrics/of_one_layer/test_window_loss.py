"""Loss per window against transformers' logits, and against what transformers calls its loss."""

from pathlib import Path

import numpy as np
import torch
from transformers import LlamaForCausalLM

from tests.metrics.of_the_model import assert_is_the_mean, measured


def test_at_the_last_layer_it_is_the_models_own_loss(tmp_path: Path) -> None:
    windows = measured(tmp_path)
    log_p = windows.log_shares()[:, :-1]
    losses = -np.take_along_axis(log_p, windows.ids[:, 1:, None], axis=-1)[..., 0]
    for site in ("block", "final_norm"):
        found = windows.found["window_loss", 3, site, "all"]
        assert_is_the_mean(found, losses.mean(axis=1))
    # Predicted at all tokens but the first of each window.
    without_first = windows.found["window_loss", 3, "block", "no_first"]
    assert_is_the_mean(without_first, losses[:, 1:].mean(axis=1))
    whole = LlamaForCausalLM.from_pretrained(tmp_path).eval()
    ids = torch.from_numpy(windows.ids)
    with torch.inference_mode():
        own = [float(whole(row[None], labels=row[None]).loss) for row in ids]
    assert_is_the_mean(windows.found["window_loss", 3, "block", "all"], np.array(own), atol=1e-5)


def test_what_has_read_its_next_token_has_none(tmp_path: Path) -> None:
    found = measured(tmp_path, "bert").found["window_loss", 3, "block", "all"]
    assert (found.value, found.reason) == (
        None,
        "the model has read the tokens that it would predict",
    )
