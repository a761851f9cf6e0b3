"""Kind, layers, sites and padding, for every family, on random weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embstore.hidden_states import hidden_batches, layer_keys
from embstore.models import LoadedModel
from embstore.types import LayerKey
from tests import tiny_models

Load = Callable[[str], LoadedModel]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    loaded: dict[str, LoadedModel] = {}

    def get(family: str) -> LoadedModel:
        if family not in loaded:
            folder = tiny_models.build(family, tmp_path_factory.mktemp(family))
            loaded[family] = tiny_models.load(folder)
        return loaded[family]

    return get


def states_of(
    model: LoadedModel, ids: np.ndarray, mask: np.ndarray, batch_size: int = 8
) -> dict[LayerKey, torch.Tensor]:
    batches = list(hidden_batches(model, ids, mask, batch_size=batch_size))
    return {key: torch.cat([batch.states[key] for batch in batches]) for key in batches[0].states}


def token_ids(n: int = 3, window: int = 10) -> np.ndarray:
    return np.random.default_rng(0).integers(5, tiny_models.VOCAB, size=(n, window))


@pytest.mark.parametrize(
    ("family", "kind", "has_final_norm"),
    [
        ("gpt2", "decoder", True),
        ("gpt_neox", "decoder", True),
        ("opt", "decoder", True),
        ("bloom", "decoder", True),
        ("llama", "decoder", True),
        ("bert", "encoder", False),
        ("modernbert", "encoder", True),
        ("t5", "encoder-decoder", True),
    ],
)
def test_kind_layers_and_sites(load: Load, family: str, kind: str, has_final_norm: bool) -> None:
    model = load(family)
    assert model.facts.kind == kind
    for plan in model.stacks:
        keys = layer_keys(plan)
        assert [key.layer for key in keys if key.site == "block"] == [1, 2, 3]
        assert keys[0] == LayerKey(plan.stack, 0, "embedding")
        finals = [key for key in keys if key.site == "final_norm"]
        assert finals == ([LayerKey(plan.stack, 3, "final_norm")] if has_final_norm else [])
    assert model.facts.n_layers == 3 * len(model.stacks)
    assert model.facts.hidden_size == 32


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_states_are_those_of_transformers_with_the_last_block_before_its_norm(
    load: Load, family: str
) -> None:
    model = load(family)
    ids = token_ids()
    found = states_of(model, ids, np.ones(ids.shape, dtype=bool))
    inputs = {"input_ids": torch.from_numpy(ids)}
    if model.facts.kind == "encoder-decoder":
        start = torch.full((len(ids), 1), model.decoder_start_token_id or 0)
        inputs["decoder_input_ids"] = torch.cat([start, inputs["input_ids"][:, :-1]], dim=1)
    with torch.inference_mode():
        output = model.module(**inputs, output_hidden_states=True)
    for plan in model.stacks:
        keys = layer_keys(plan)
        returned = [key for key in keys if not (key.layer == 3 and key.site == "block")]
        if plan.last_block is None:
            returned = keys
        for key, expected in zip(returned, output[plan.output], strict=True):
            torch.testing.assert_close(found[key], expected)
        if plan.last_block is not None:
            norms = {"gpt2": "ln_f", "llama": "norm", "gpt_neox": "final_layer_norm"}
            if family in norms:
                final_norm = getattr(model.module, norms[family])
                before = found[LayerKey(plan.stack, 3, "block")]
                after = found[LayerKey(plan.stack, 3, "final_norm")]
                with torch.inference_mode():
                    torch.testing.assert_close(final_norm(before), after)


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_padding_changes_no_token(load: Load, family: str) -> None:
    model = load(family)
    ids = token_ids()
    full = states_of(model, ids, np.ones(ids.shape, dtype=bool))
    padded = np.concatenate([ids, np.zeros((3, 4), dtype=ids.dtype)], axis=1)
    mask = np.ones(padded.shape, dtype=bool)
    mask[:, 10:] = False
    for key, states in states_of(model, padded, mask).items():
        # Another length may take another kernel: float32 rounding through three blocks.
        torch.testing.assert_close(states[:, :10], full[key], rtol=1e-4, atol=1e-5)


def test_batch_size_changes_nothing(load: Load) -> None:
    ids = token_ids(5)
    mask = np.ones(ids.shape, dtype=bool)
    one = states_of(load("llama"), ids, mask, batch_size=1)
    for key, states in states_of(load("llama"), ids, mask, batch_size=5).items():
        torch.testing.assert_close(states, one[key], rtol=1e-5, atol=1e-6)


def test_an_encoder_made_causal_is_a_decoder(tmp_path: Path) -> None:
    folder = tiny_models.build("bert", tmp_path)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"is_decoder": false', '"is_decoder": true'))
    causal = tiny_models.load(folder)
    assert '"is_decoder": true' in config.read_text()
    assert causal.facts.architecture == "bert"
    assert causal.facts.kind == "decoder"


def test_states_of_one_batch_are_not_kept(load: Load) -> None:
    import gc
    import weakref

    ids = token_ids(4)
    stream = hidden_batches(load("llama"), ids, np.ones(ids.shape, dtype=bool), batch_size=1)
    first = next(stream)
    state = weakref.ref(next(iter(first.states.values())))
    del first
    next(stream)
    gc.collect()
    assert state() is None
