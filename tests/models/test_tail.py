"""What comes after the last block, in every family: as the model itself does it, or refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    BartForConditionalGeneration,
    BertForPreTraining,
)

from embstore.checkpoints.locate import locate
from embstore.errors import ModelError
from embstore.models import tail
from embstore.models.load import Beside
from embstore.models.loaded import LoadedModel, load_config, load_model
from embstore.models.shared_copy import copy_sharing
from tests import tiny_models
from tests.models.headed import batches_of, by_transformers, log_shares, made_of, token_ids

pytestmark = pytest.mark.slow

HEAD = Beside(head=True)
SPECIAL: dict[str, dict[str, Any]] = {
    # Logits are multiplied, divided, or capped.
    "cohere": {**tiny_models.FAMILIES["llama"], "logit_scale": 3.0},
    "granite": {**tiny_models.FAMILIES["llama"], "logits_scaling": 0.2},
    "gemma2": {"final_logit_softcapping": 2.0},
    # A projection after the last block; the head reads what it makes.
    "opt": {"word_embed_proj_dim": 16},
    # A scale before the head, for weights shared with the embeddings.
    "t5": {"tie_word_embeddings": True},
    "mamba": {"tie_word_embeddings": False},
    # Norms after each block instead of before, so that there is no last one.
    "xlm": {"n_layers": 3, "n_heads": 2, "emb_dim": 32, "max_position_embeddings": 128},
}


def last_logits(model: LoadedModel, ids: Any) -> Tensor:
    """What the lens makes of the last block's states."""
    assert model.lens is not None
    (batch,) = batches_of(model, ids, batch_size=len(ids))
    found = model.lens._tail
    states = batch.states[model.lens._keys[-1]]
    return found.logits(states.flatten(0, 1)).reshape(*ids.shape, -1)


def assert_is_the_models_own(folder: Path) -> None:
    model = tiny_models.load(folder, beside=HEAD)
    ids = token_ids()
    expected = by_transformers(folder, ids)["logits"]
    assert isinstance(expected, Tensor)
    # Rounding of products of single precision, in another order.
    reach = 3e-6 * float(expected.abs().max())
    torch.testing.assert_close(last_logits(model, ids), expected, rtol=0, atol=reach)
    # It is decided, so that a head left out or applied twice would show.
    assert log_shares(expected).max() > -4.5


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_the_lens_at_the_last_layer_is_the_models_own_prediction(
    family: str, tmp_path: Path
) -> None:
    assert_is_the_models_own(tiny_models.build_headed(family, tmp_path / family))


@pytest.mark.parametrize("family", SPECIAL)
def test_what_a_family_does_to_its_logits_is_done(family: str, tmp_path: Path) -> None:
    assert_is_the_models_own(tiny_models.build_headed(family, tmp_path / family, **SPECIAL[family]))


def test_a_second_head_beside_the_first_is_left_alone(tmp_path: Path) -> None:
    tiny_models.build_headed("bert", tmp_path)
    whole = BertForPreTraining.from_pretrained(tmp_path)
    whole.save_pretrained(tmp_path)
    assert_is_the_models_own(tmp_path)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_it_is_the_models_own(dtype: torch.dtype, tmp_path: Path) -> None:
    folder = tiny_models.build_headed("llama", tmp_path)
    model = tiny_models.load(folder, dtype=dtype, beside=HEAD)
    ids = token_ids()
    whole = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    with torch.inference_mode():
        expected = whole(torch.from_numpy(ids)).logits.float()
    reach = 8 * torch.finfo(dtype).eps * float(expected.abs().max())
    torch.testing.assert_close(last_logits(model, ids), expected, rtol=0, atol=reach)


def test_states_and_sizes_are_those_without_a_head(tmp_path: Path) -> None:
    for family in ("llama", "bert", "t5", "rwkv"):
        folder = tiny_models.build_headed(family, tmp_path / family)
        with_head = tiny_models.load(folder, beside=HEAD)
        without = tiny_models.load(folder)
        # A pooler that only the model without a head has counts, as it does without.
        assert with_head.facts == without.facts
        assert without.lens is None
        ids = token_ids()
        (one,), (other,) = (batches_of(m, ids, batch_size=3) for m in (with_head, without))
        for key, state in other.states.items():
            assert torch.equal(one.states[key], state), (family, key)


def test_blocks_keep_no_weights_twice(tmp_path: Path) -> None:
    model = tiny_models.load(tiny_models.build_headed("llama", tmp_path), beside=HEAD)
    assert model.lens is not None
    module = model.lens._tail.module
    (real, none) = (
        [name for name, weight in module.named_parameters() if weight.is_meta == meta]
        for meta in (False, True)
    )
    assert real == ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"]
    assert none
    assert all(name.startswith("model.layers.") for name in none)


@pytest.mark.parametrize("family", ["llama", "bert", "t5"])
def test_a_checkpoint_saved_without_a_head_has_none(family: str, tmp_path: Path) -> None:
    folder = tiny_models.build(family, tmp_path / family)
    with pytest.raises(ModelError, match=rf"^{family} has no language-model head \(\w+Model\), so"):
        tiny_models.load(folder, beside=HEAD)


def test_a_head_whose_weights_are_lacking_is_none(tmp_path: Path) -> None:
    """As where only the body was saved under the name of the whole."""
    folder = tiny_models.build_headed("llama", tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"no language-model head \(it lacks lm_head.weight\)"):
        tiny_models.load(folder, beside=HEAD)


class Mixing(nn.Module):
    """A head that looks at the token before as well."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, states: Tensor) -> Tensor:
        return self.head(states + states.roll(1, dims=1))  # type: ignore[no-any-return]


def test_a_head_that_is_not_each_tokens_own_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_models.build_headed("llama", tmp_path / "m")

    def mixing(module: nn.Module, given: dict[int, object]) -> nn.Module:
        copy: Any = copy_sharing(module, given)
        if hasattr(copy, "lm_head"):
            copy.lm_head = Mixing(copy.lm_head)
        return copy  # type: ignore[no-any-return]

    monkeypatch.setattr(tail, "copy_sharing", mixing)
    with pytest.raises(ModelError, match=r"^the head of LlamaForCausalLM cannot be told from its"):
        tiny_models.load(folder, beside=HEAD)


def test_an_untrained_model_has_the_head_it_would_begin_with(tmp_path: Path) -> None:
    folder = tiny_models.build_headed("llama", tmp_path / "m")
    located = replace(locate(str(folder)), init_seed=3)
    config = load_config(located)
    device = torch.device("cpu")
    with_head, again, without = (
        load_model(located, config, device=device, dtype=torch.float32, beside=beside)
        for beside in (HEAD, HEAD, Beside())
    )
    ids = token_ids()
    one, two = last_logits(with_head, ids), last_logits(again, ids)
    assert torch.equal(one, two)
    # Undecided: every word is about as likely.
    assert float(one.abs().max()) < 1
    states = [batches_of(model, ids, batch_size=3)[0].states for model in (with_head, without)]
    assert all(torch.equal(states[0][key], state) for key, state in states[1].items())


def test_what_a_model_rules_out_has_no_share(tmp_path: Path) -> None:
    """Logits of minus infinity, as for tokens that only fill the vocabulary up."""
    folder = tiny_models.build_headed("bart", tmp_path / "m")
    whole = BartForConditionalGeneration.from_pretrained(folder)
    whole.final_logits_bias[0, 5:9] = -torch.inf
    whole.save_pretrained(folder)
    model = tiny_models.load(folder, beside=HEAD)
    (batch,) = batches_of(model, token_ids(), batch_size=3)
    assert model.lens is not None
    found = made_of(batch, model.lens._keys[-1], "lens entropy")
    own = log_shares(by_transformers(folder, token_ids())["logits"])
    with np.errstate(invalid="ignore"):
        expected = -np.nansum(np.exp(own) * own, axis=-1)
    np.testing.assert_allclose(found, expected, atol=2e-6)
