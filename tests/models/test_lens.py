"""The lens's numbers of every token, against the model's own norm and head applied by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from embstore.models import lens
from embstore.models.load import Beside
from embstore.models.loaded import LoadedModel
from embstore.models.tail import Tail
from embstore.types import LayerKey
from tests import tiny_models
from tests.models.headed import batches_of, by_transformers, log_shares, made_of, token_ids

HEAD = Beside(head=True)
# Logits of single precision, as large as 5.
ATOL = 3e-6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.build_headed("llama", tmp_path_factory.mktemp("m") / "llama")


@pytest.fixture(scope="module")
def model(folder: Path) -> LoadedModel:
    return tiny_models.load(folder, beside=HEAD)


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[LayerKey, np.ndarray]:
    """The logarithms of what is predicted from each layer, by the parts' own names."""
    whole = LlamaForCausalLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        ids = torch.from_numpy(token_ids())
        embedded = whole.model.embed_tokens(ids)
        states: list[Tensor] = [embedded]
        hooks = [
            block.register_forward_hook(lambda _b, _a, out: states.append(out.clone()))
            for block in whole.model.layers
        ]
        whole(ids)
        for hook in hooks:
            hook.remove()
        logits = [whole.lm_head(whole.model.norm(state)) for state in states]
    keys = [LayerKey("decoder", layer, "block") for layer in (1, 2, 3)]
    keys.insert(0, LayerKey("decoder", 0, "embedding"))
    return {key: log_shares(own) for key, own in zip(keys, logits, strict=True)}


def test_every_layer_is_read_through_norm_and_head(
    model: LoadedModel, expected: dict[LayerKey, np.ndarray]
) -> None:
    ids = token_ids()
    (batch,) = batches_of(model, ids, batch_size=3)
    own = expected[LayerKey("decoder", 3, "block")]
    for key, log_p in expected.items():
        entropy = -(np.exp(log_p) * log_p).sum(-1)
        apart = (np.exp(own) * (own - log_p)).sum(-1)
        np.testing.assert_allclose(made_of(batch, key, "lens entropy"), entropy, atol=ATOL)
        np.testing.assert_allclose(made_of(batch, key, "lens divergence"), apart, atol=ATOL)
        loss = -np.take_along_axis(log_p[:, :-1], ids[:, 1:, None], axis=-1)[..., 0]
        losses = made_of(batch, key, "loss")
        np.testing.assert_allclose(losses[:, :-1], loss, atol=ATOL)
        assert np.isnan(losses[:, -1]).all()
    # After the norm it is the same prediction, and no other.
    normed, last = (LayerKey("decoder", 3, "final_norm"), LayerKey("decoder", 3, "block"))
    for what in batch.token_numbers[last]:
        one, other = (made_of(batch, key, what) for key in (normed, last))
        np.testing.assert_array_equal(one, other)
    assert (made_of(batch, normed, "lens divergence") == 0).all()


def test_padding_is_not_predicted_from_and_is_no_next_token(model: LoadedModel) -> None:
    ids = token_ids(3, 13)
    lengths = np.array([13, 6, 9])
    mask = np.arange(13) < lengths[:, np.newaxis]
    padded = np.where(mask, ids, 0)
    batches = batches_of(model, padded, mask, batch_size=3)
    key = LayerKey("decoder", 2, "block")
    for batch in batches:
        for row, window in enumerate(batch.windows):
            n = lengths[window]
            (alone,) = batches_of(model, ids[window : window + 1, :n])
            for what in alone.token_numbers[key]:
                found, values = made_of(batch, key, what), made_of(alone, key, what)
                np.testing.assert_allclose(found[row, :n], values[0], atol=ATOL)
                assert np.isnan(found[row, n:]).all()
                assert np.isnan(found[row, n - 1]) == (what == "loss")


def test_never_more_logits_than_a_block_are_made_at_once(
    model: LoadedModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = batches_of(model, token_ids(), batch_size=3)
    made: list[int] = []
    logits = Tail.logits

    def counted(self: Tail, states: Tensor) -> Tensor:
        found = logits(self, states)
        made.append(found.numel() * found.element_size())
        return found

    monkeypatch.setattr(lens, "BLOCK_BYTES", 5 * tiny_models.VOCAB * 4)
    small = tiny_models.load(folder, beside=HEAD)
    monkeypatch.setattr(Tail, "logits", counted)
    (batch,) = batches_of(small, token_ids(), batch_size=3)
    # 39 tokens in blocks of 5, at the last layer and at the three before it.
    assert max(made) == 5 * tiny_models.VOCAB * 4
    assert len(made) == 8 * 4
    for key, numbers in whole.token_numbers.items():
        for what in numbers:
            found, values = made_of(batch, key, what), made_of(whole, key, what)
            np.testing.assert_allclose(found, values, atol=ATOL)


@pytest.mark.parametrize("family", ["bert", "t5"])
def test_what_has_read_its_next_token_has_no_loss(family: str, tmp_path: Path) -> None:
    folder = tiny_models.build_headed(family, tmp_path)
    model = tiny_models.load(folder, beside=HEAD)
    (batch,) = batches_of(model, token_ids(), batch_size=3)
    own = log_shares(by_transformers(folder, token_ids())["logits"])
    stack = model.stacks[-1]
    last = LayerKey(stack.stack, stack.n_layers, "block")
    assert (
        batch.token_numbers[last]["loss"] == "the model has read the tokens that it would predict"
    )
    entropy = -(np.exp(own) * own).sum(-1)
    np.testing.assert_allclose(made_of(batch, last, "lens entropy"), entropy, atol=ATOL)
    if family == "t5":
        read = batch.token_numbers[LayerKey("encoder", 1, "block")]
        assert set(read.values()) == {"the head reads the states of the decoder"}


def test_a_state_of_another_width_has_none(tmp_path: Path) -> None:
    """ELECTRA's embeddings are measured as its blocks take them in, so nothing differs there."""
    model = tiny_models.load(tiny_models.build_headed("electra", tmp_path), beside=HEAD)
    assert model.lens is not None
    (batch,) = batches_of(model, token_ids(), batch_size=3)
    states = dict(batch.states)
    first = LayerKey("encoder", 0, "embedding")
    states[first] = states[first][..., :16]
    mask = np.ones((3, 13), dtype=np.bool_)
    found = model.lens.numbers(states, token_ids(), mask)
    assert set(found[first].values()) == {"the head reads states of 32 dimensions"}
    assert isinstance(found[LayerKey("encoder", 1, "block")]["lens entropy"], np.ndarray)
