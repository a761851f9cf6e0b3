"""Kind, layers, sites and padding, for every family, on random weights."""

import contextlib
import functools
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from embstore.errors import ModelError
from embstore.inputs.windows import Windows
from embstore.measuring.checkpoint import measure_batches
from embstore.models.hidden_states import HiddenBatch, hidden_batches
from embstore.models.loaded import LoadedModel
from embstore.types import LayerKey, Stack
from tests import tiny_models

Load = Callable[[str], LoadedModel]


@pytest.fixture(scope="module")
def load(build: Callable[[str], Path]) -> Load:
    return functools.cache(lambda family: tiny_models.load(build(family)))


def states_of(
    model: LoadedModel, ids: np.ndarray, mask: np.ndarray, batch_size: int = 8
) -> dict[LayerKey, torch.Tensor]:
    windows = Windows(ids, mask, 0, "")
    batches = list(hidden_batches(model, windows, batch_size=batch_size))
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
        ("falcon", "decoder", True),
        ("llama", "decoder", True),
        ("mistral", "decoder", True),
        ("mixtral", "decoder", True),
        ("qwen2", "decoder", True),
        ("qwen3", "decoder", True),
        ("gemma", "decoder", True),
        ("gemma2", "decoder", True),
        ("gemma3_text", "decoder", True),
        ("phi", "decoder", True),
        ("phi3", "decoder", True),
        ("bert", "encoder", False),
        ("roberta", "encoder", False),
        ("distilbert", "encoder", False),
        ("deberta", "encoder", False),
        ("deberta-v2", "encoder", False),
        ("electra", "encoder", False),
        ("albert", "encoder", False),
        ("modernbert", "encoder", True),
        ("mamba", "decoder", True),
        ("rwkv", "decoder", True),
        ("big_bird", "encoder", False),
        ("t5", "encoder-decoder", True),
        ("bart", "encoder-decoder", False),
    ],
)
def test_kind_layers_and_sites(load: Load, family: str, kind: str, has_final_norm: bool) -> None:
    model = load(family)
    assert model.facts.kind == kind
    for layout in model.stacks:
        keys = layout.keys
        assert [key.layer for key in keys if key.site == "block"] == [1, 2, 3]
        assert keys[0] == LayerKey(layout.stack, 0, "embedding")
        finals = [key for key in keys if key.site == "final_norm"]
        assert finals == ([LayerKey(layout.stack, 3, "final_norm")] if has_final_norm else [])
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
    for layout in model.stacks:
        for key, expected in zip(layout.returned, output[layout.output], strict=True):
            assert key is not None
            torch.testing.assert_close(found[key], expected)


@pytest.mark.parametrize(
    ("family", "stack", "norm"),
    [
        ("gpt2", "decoder", "ln_f"),
        ("gpt_neox", "decoder", "final_layer_norm"),
        ("opt", "decoder", "decoder.final_layer_norm"),
        ("bloom", "decoder", "ln_f"),
        ("falcon", "decoder", "ln_f"),
        ("llama", "decoder", "norm"),
        ("mistral", "decoder", "norm"),
        ("mixtral", "decoder", "norm"),
        ("qwen2", "decoder", "norm"),
        ("qwen3", "decoder", "norm"),
        ("gemma", "decoder", "norm"),
        ("gemma2", "decoder", "norm"),
        ("gemma3_text", "decoder", "norm"),
        ("phi", "decoder", "final_layernorm"),
        ("phi3", "decoder", "norm"),
        ("mamba", "decoder", "norm_f"),
        ("rwkv", "decoder", "ln_out"),
        ("modernbert", "encoder", "final_norm"),
        ("t5", "encoder", "encoder.final_layer_norm"),
        ("t5", "decoder", "decoder.final_layer_norm"),
        ("t5_one_layer", "encoder", "encoder.final_layer_norm"),
        ("t5_one_layer", "decoder", "decoder.final_layer_norm"),
    ],
)
def test_the_last_block_is_measured_before_the_final_norm(
    load: Load, family: str, stack: Stack, norm: str
) -> None:
    model = load(family)
    found = states_of(model, token_ids(), np.ones((3, 10), dtype=bool))
    n_layers = next(layout.n_layers for layout in model.stacks if layout.stack == stack)
    with torch.inference_mode():
        normalised = model.module.get_submodule(norm)(found[LayerKey(stack, n_layers, "block")])
    torch.testing.assert_close(normalised, found[LayerKey(stack, n_layers, "final_norm")])


@pytest.mark.parametrize("family", ["mamba", "rwkv"])
def test_a_state_space_model_has_an_embedding_too(load: Load, family: str) -> None:
    """It returns what each block puts out; the embedding is the first block's input."""
    model = load(family)
    ids = token_ids()
    found = states_of(model, ids, np.ones(ids.shape, dtype=bool))
    embedded = model.module.get_submodule("embeddings")(torch.from_numpy(ids))
    torch.testing.assert_close(found[LayerKey("decoder", 0, "embedding")], embedded)


@pytest.mark.parametrize("family", ["gemma", "gemma2", "gemma3_text"])
def test_gemma_enters_its_first_block_with_scaled_embeddings(load: Load, family: str) -> None:
    model = load(family)
    ids = token_ids()
    found = states_of(model, ids, np.ones(ids.shape, dtype=bool))
    rows = model.module.get_submodule("embed_tokens").get_parameter("weight")[torch.from_numpy(ids)]
    torch.testing.assert_close(found[LayerKey("decoder", 0, "embedding")], rows * 32**0.5)


@pytest.mark.parametrize(
    ("family", "projection"),
    [("electra", "embeddings_project"), ("albert", "encoder.embedding_hidden_mapping_in")],
)
def test_narrow_embeddings_are_measured_as_the_first_block_gets_them(
    load: Load, family: str, projection: str
) -> None:
    model = load(family)
    ids = token_ids()
    found = states_of(model, ids, np.ones(ids.shape, dtype=bool))
    with torch.inference_mode():
        narrow = model.module.get_submodule("embeddings")(torch.from_numpy(ids))
        wide = model.module.get_submodule(projection)(narrow)
    assert narrow.shape[-1] == 16
    torch.testing.assert_close(found[LayerKey("encoder", 0, "embedding")], wide)


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


def test_no_batch_is_alive_while_the_next_is_made(load: Load) -> None:
    model = load("llama")
    ids = token_ids(4)
    made: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []

    def count(_module: torch.nn.Module, _args: object) -> None:
        alive.append(sum(state() is not None for state in made))

    def watched() -> Iterator[HiddenBatch]:
        mask = np.ones(ids.shape, dtype=bool)
        for batch in hidden_batches(model, Windows(ids, mask, 0, ""), batch_size=1):
            made.extend(weakref.ref(state) for state in batch.states.values())
            yield batch
            del batch

    hook = model.module.register_forward_pre_hook(count)
    try:
        measure_batches(watched(), np.arange(ids.size))
    finally:
        hook.remove()
    assert alive == [0, 0, 0, 0]


def test_a_window_that_sparse_attention_would_pad_is_refused(build: Callable[[str], Path]) -> None:
    # A model of its own: shorter windows make it give up the sparse attention, and the padding.
    model, ids = tiny_models.load(build("big_bird")), token_ids(window=17)
    with pytest.raises(
        ModelError, match=r"18 states for a window of 17 tokens; give a window of 18"
    ):
        states_of(model, ids, np.ones(ids.shape, dtype=bool))


def test_a_model_that_fails_on_its_input_says_what_to_try(load: Load) -> None:
    ids = token_ids(1, window=129)
    with pytest.raises(
        ModelError, match=r"cannot run on 1 windows of 129 tokens .*batch size or window"
    ):
        states_of(load("gpt2"), ids, np.ones(ids.shape, dtype=bool))


@pytest.mark.parametrize("fails", [False, True])
def test_the_forward_pass_is_float32_also_where_training_allows_less(
    build: Callable[[str], Path], fails: bool
) -> None:
    model = tiny_models.load(build("gpt2"))
    seen = []

    def look(*_: object) -> None:
        seen.append((torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32))
        if fails:
            raise RuntimeError("out of memory")

    part = next(module for name, module in model.module.named_modules() if name.endswith("mlp"))
    hook = part.register_forward_hook(look)
    ids = token_ids()
    torch.set_float32_matmul_precision("high")
    try:
        refused = pytest.raises(ModelError, match="out of memory")
        with refused if fails else contextlib.nullcontext():
            states_of(model, ids, np.ones_like(ids, bool))
        assert seen == [("highest", False)]
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.backends.cudnn.allow_tf32
    finally:
        hook.remove()
        torch.set_float32_matmul_precision("highest")
