"""Sink rate against a loop over transformers' attention, and where all of it goes to the first."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from tests import tiny_models
from tests.metrics.of_the_model import assert_is_the_mean, measured


def by_loop(attention: np.ndarray, first_query: int) -> np.ndarray:
    """Count heads window after window, as Gu et al. 2024 write it."""
    rates = []
    for window in attention:
        sinks = 0
        for head in window:
            given = [head[i, 0] for i in range(first_query, len(head))]
            sinks += sum(given) / len(given) > 0.3
        rates.append(sinks / len(window))
    return np.array(rates)


def test_it_is_the_share_of_heads_whose_attention_goes_there(tmp_path: Path) -> None:
    # Even attention in windows of nine gives the first token (1 + 1/2 + … + 1/9)/9, just above .3.
    windows = measured(tmp_path, "gpt2", window=9)
    rates = []
    for layer in (1, 2, 3):
        for scope, first_query in (("all", 0), ("no_first", 1)):
            expected = by_loop(windows.attention(layer), first_query)
            assert_is_the_mean(windows.found["sink_rate", layer, "block", scope], expected)
            rates.append(expected.mean())
    assert 0 < np.mean(rates) < 1


def test_where_all_attention_goes_to_the_first_token_every_head_has_its_sink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_models.build_headed("llama", tmp_path)

    def to_the_first(*args: object, **kwargs: object) -> tuple[torch.Tensor, torch.Tensor]:
        query = args[1]
        assert isinstance(query, torch.Tensor)
        n_windows, n_heads, n, d = query.shape
        weights = torch.zeros(n_windows, n_heads, n, n)
        weights[:, 0, :, 0] = 1.0
        weights[:, 1] = torch.eye(n)
        return torch.zeros(n_windows, n, n_heads, d), weights

    monkeypatch.setattr(
        "transformers.models.llama.modeling_llama.eager_attention_forward", to_the_first
    )
    windows = measured(tmp_path)
    # One head of two; the other looks at its own token, which the first also is.
    for scope in ("all", "no_first", "no_sinks"):
        assert windows.found["sink_rate", 2, "block", scope].value == 0.5
    assert LlamaForCausalLM.from_pretrained(tmp_path).config.num_attention_heads == 2
