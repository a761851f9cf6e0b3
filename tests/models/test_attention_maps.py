"""Attention taken from the blocks, against what transformers returns of it, in every family."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import entr
from torch import Tensor, nn

from embstore.errors import ModelError
from embstore.models.load import Beside
from embstore.types import LayerKey
from tests import tiny_models
from tests.models.headed import batches_of, by_transformers, made_of, token_ids

ATTENTION = Beside(attention=True)
WITHOUT = {"mamba", "rwkv"}
# Single precision; rows of 13 numbers below 1.
ATOL = 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(tiny_models.FAMILIES.keys() - WITHOUT - {"big_bird"}))
def test_it_is_what_the_model_returns(family: str, tmp_path: Path) -> None:
    folder = tiny_models.build_headed(family, tmp_path / family)
    model = tiny_models.load(folder, beside=ATTENTION)
    assert model.attention == "eager"
    ids = token_ids()
    own = by_transformers(folder, ids, eager=True)
    (batch,) = batches_of(model, ids, batch_size=3)
    for layout in model.stacks:
        name = f"{layout.stack}_attentions" if len(model.stacks) > 1 else "attentions"
        maps = own[name]
        assert isinstance(maps, tuple)
        assert len(maps) == layout.n_layers
        for key in layout.keys:
            found = batch.token_numbers[key]
            if not key.layer:
                assert set(found.values()) == {"no attention comes before the embedding"}
                continue
            a = maps[key.layer - 1].double().numpy()
            # As the block's own, its state after the final norm.
            entropy = entr(a).sum(axis=-1).mean(axis=1)
            made = made_of(batch, key, "attention entropy")
            np.testing.assert_allclose(made, entropy, atol=ATOL)
            first = a[:, :, :, 0].transpose(0, 2, 1)
            made = made_of(batch, key, "attention to first")
            np.testing.assert_allclose(made, first, atol=ATOL)
    # Attention with large weights is not even, or all layers would look alike.
    assert np.ptp(entropy) > 0.01


@pytest.mark.slow
def test_states_are_those_of_the_other_kernel(tmp_path: Path) -> None:
    for family in ("llama", "deberta", "t5"):
        folder = tiny_models.build_headed(family, tmp_path / family)
        pair = [tiny_models.load(folder, beside=beside) for beside in (ATTENTION, Beside())]
        (one,), (other,) = (batches_of(model, token_ids(), batch_size=3) for model in pair)
        for key, state in other.states.items():
            # Two roundings of single precision, through three blocks of large weights.
            assert (one.states[key] - state).norm() <= 1e-4 * state.norm(), (family, key)


def test_padding_is_neither_attended_to_nor_attends(tmp_path: Path) -> None:
    lengths = np.array([13, 6, 9])
    mask = np.arange(13) < lengths[:, np.newaxis]
    ids = token_ids(3, 13)
    for family in ("llama", "bert"):
        model = tiny_models.load(
            tiny_models.build_headed(family, tmp_path / family), beside=ATTENTION
        )
        key = LayerKey(model.stacks[0].stack, 2, "block")
        for batch in batches_of(model, np.where(mask, ids, 0), mask, batch_size=3):
            for row, window in enumerate(batch.windows):
                n = lengths[window]
                (alone,) = batches_of(model, ids[window : window + 1, :n])
                for what in alone.token_numbers[key]:
                    found, values = made_of(batch, key, what), made_of(alone, key, what)
                    np.testing.assert_allclose(found[row, :n], values[0], atol=2e-6)


def test_no_more_than_a_blocks_map_is_alive(tmp_path: Path) -> None:
    """Also where the model gathers what it returns, and makes it only if asked."""
    import gc
    import weakref

    for family, on_request in (("llama", False), ("deberta", True)):
        model = tiny_models.load(
            tiny_models.build_headed(family, tmp_path / family), beside=ATTENTION
        )
        assert model.maps is not None
        assert model.maps.on_request == on_request
        seen: list[weakref.ref[Tensor]] = []
        alive: list[int] = []

        def look(
            _part: nn.Module,
            _args: object,
            output: object,
            seen: list[weakref.ref[Tensor]] = seen,
            alive: list[int] = alive,
        ) -> None:
            gc.collect()
            alive.append(sum(ref() is not None for ref in seen))
            assert isinstance(output, tuple)
            made = (part for part in output if isinstance(part, Tensor) and part.ndim == 4)
            seen.extend(map(weakref.ref, made))

        for tap in model.maps.taps:
            tap.part.register_forward_hook(look, prepend=True)
        batches_of(model, token_ids(), batch_size=3)
        assert len(seen) == 3
        assert max(alive) == 0, family


@pytest.mark.parametrize("family", sorted(WITHOUT))
def test_without_attention_it_is_refused(family: str, tmp_path: Path) -> None:
    folder = tiny_models.build_headed(family, tmp_path / family)
    with pytest.raises(ModelError, match=r"returns no attention for each of its 3 blocks"):
        tiny_models.load(folder, beside=ATTENTION)


def test_sparse_attention_is_refused_and_the_full_one_is_not(tmp_path: Path) -> None:
    folder = tiny_models.build_headed("big_bird", tmp_path / "sparse")
    with pytest.raises(ModelError, match=r"as where it is recurrent or sparse"):
        tiny_models.load(folder, beside=ATTENTION)
    folder = tiny_models.build_headed("big_bird", tmp_path / "full", attention_type="original_full")
    model = tiny_models.load(folder, beside=ATTENTION)
    (batch,) = batches_of(model, token_ids(), batch_size=3)
    maps = by_transformers(folder, token_ids(), eager=True)["attentions"]
    assert isinstance(maps, tuple)
    expected = entr(maps[1].double().numpy()).sum(axis=-1).mean(axis=1)
    found = made_of(batch, LayerKey("encoder", 2, "block"), "attention entropy")
    np.testing.assert_allclose(found, expected, atol=ATOL)


def test_attention_that_is_not_there_on_longer_windows_is_refused(tmp_path: Path) -> None:
    model = tiny_models.load(tiny_models.build_headed("llama", tmp_path), beside=ATTENTION)
    assert model.maps is not None
    tap = model.maps.taps[1]

    def take_away(_part: nn.Module, _args: object, output: tuple[Tensor, Tensor]) -> object:
        return (output[0], None)

    hook = tap.part.register_forward_hook(take_away)
    with pytest.raises(ModelError, match=r"^llama|gives no whole attention for windows of 13"):
        batches_of(model, token_ids())
    hook.remove()
    # What the broken pass left behind is not taken for the next one's.
    (batch,) = batches_of(model, token_ids(), batch_size=3)
    assert batch.token_numbers[LayerKey("decoder", 3, "block")]


def test_head_and_attention_come_together(tmp_path: Path) -> None:
    folder = tiny_models.build_headed("gpt2", tmp_path)
    model = tiny_models.load(folder, beside=Beside(head=True, attention=True))
    (batch,) = batches_of(model, token_ids(), batch_size=3)
    assert batch.token_numbers[LayerKey("decoder", 1, "block")].keys() == {
        *("loss", "lens entropy", "lens divergence"),
        *("attention entropy", "attention to first"),
    }
