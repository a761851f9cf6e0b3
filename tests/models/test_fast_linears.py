"""Linear layers through oneDNN: the same hidden states, no more memory, or nothing changed."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from embstore.inputs.windows import Windows
from embstore.models import fast_linears
from embstore.models.fast_linears import PackedLinear, speed_up_linears
from embstore.models.hidden_states import hidden_batches
from embstore.models.loaded import LoadedModel
from embstore.types import LayerKey
from tests import tiny_models

pytestmark = pytest.mark.skipif(not fast_linears._has_onednn(), reason="this torch lacks oneDNN")


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tiny models count as large and packed layers as faster."""
    monkeypatch.setattr(fast_linears, "_MIN_WEIGHTS", 0)
    monkeypatch.setattr(fast_linears, "_is_faster", lambda new, *, than: True)


def stock(folder: Path) -> LoadedModel:
    """Load a model with torch's own linear layers."""
    return tiny_models.load(folder, fast_linears=False)


def hidden_states(model: LoadedModel) -> dict[LayerKey, Tensor]:
    ids = np.random.default_rng(0).integers(10, tiny_models.VOCAB, size=(3, 40))
    windows = Windows(ids, np.ones(ids.shape, dtype=bool), 0, "")
    (batch,) = hidden_batches(model, windows, batch_size=3)
    return batch.states


def speed_up(model: LoadedModel) -> str:
    return speed_up_linears(model.module, model.module.config, transposed=Conv1D)  # type: ignore[arg-type]


def weights(model: LoadedModel) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.module.named_parameters()}


def assert_untouched(model: LoadedModel, before: dict[str, Tensor]) -> None:
    assert not packed_layers(model)
    after = weights(model)
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(p.is_contiguous() and p.requires_grad for p in model.module.parameters())
    # Every layer also works.
    hidden_states(model)


def packed_layers(model: LoadedModel) -> list[PackedLinear]:
    return [layer for layer in model.module.modules() if isinstance(layer, PackedLinear)]


@pytest.mark.slow
@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_hidden_states_are_those_of_torch(
    family: str, build: Callable[[str], Path], packing: None
) -> None:
    folder = build(family)
    expected = stock(folder)
    model = tiny_models.load(folder)
    # Falcon has a linear layer of its own, with a bias added apart; RWKV divides its weights when
    # it first runs, so that a copy of them would be another model.
    kept = family in ("falcon", "rwkv")
    assert (expected.linear, model.linear) == ("torch", "torch" if kept else "onednn")
    left = {
        name.rpartition(".")[2]
        for name, layer in model.module.named_modules()
        if type(layer) in (nn.Linear, Conv1D)
    }
    # Mamba never calls this layer; it takes its weight.
    if family != "rwkv":
        assert left == ({"dt_proj"} if family == "mamba" else set())
    assert model.facts == expected.facts
    states = hidden_states(model)
    for key, state in hidden_states(expected).items():
        # Sums of up to 64 products in another order, through three blocks: some 10 units in
        # the last place (1e-7) of the largest coordinate.
        atol = 3e-6 * state.abs().max().item()
        torch.testing.assert_close(states[key], state, rtol=0, atol=atol)


def test_small_models_are_left_as_they_are(tiny_llama: Path) -> None:
    model = tiny_models.load(tiny_llama)
    assert model.linear == "torch"
    assert not packed_layers(model)


def test_bfloat16_is_left_as_it_is(tiny_llama: Path, packing: None) -> None:
    model = tiny_models.load(tiny_llama, dtype=torch.bfloat16)
    assert model.linear == "torch"
    assert not packed_layers(model)


def test_a_model_in_training_is_left_as_it_is(tiny_llama: Path, packing: None) -> None:
    model = stock(tiny_llama)
    before = weights(model)
    model.module.train()
    assert speed_up(model) == "torch"
    assert_untouched(model, before)


def test_without_onednn_the_layers_stay(
    tiny_llama: Path, packing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = stock(tiny_llama)
    before = weights(model)
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: False)
    assert speed_up(model) == "torch"
    assert_untouched(model, before)


def test_what_is_not_faster_is_left_as_it_is(
    tiny_llama: Path, packing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = stock(tiny_llama)
    before = weights(model)
    monkeypatch.setattr(fast_linears, "_is_faster", lambda new, *, than: False)
    assert speed_up(model) == "torch"
    assert_untouched(model, before)


@pytest.mark.parametrize(
    ("seconds", "faster"), [((0.8, 1.0), True), ((0.95, 1.0), False), ((1.2, 1.0), False)]
)
def test_faster_means_clearly_less_time(
    seconds: tuple[float, float], faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0
    # Only the best of several turns counts: other work on the machine makes one slow.
    late = iter([5.0, 5.0, *[0.0] * 100])

    def taking(duration: float) -> Callable[[], Tensor]:
        def run() -> Tensor:
            nonlocal clock
            clock += duration + next(late)
            return torch.empty(0)

        return run

    monkeypatch.setattr("time.perf_counter", lambda: clock)
    new, old = seconds
    assert fast_linears._is_faster(taking(new), than=taking(old)) is faster


# TF32 and bfloat16 change numbers by the shares tried here; NaN compares to nothing.
@pytest.mark.parametrize("factor", [1.001, 0.0, float("nan")])
@pytest.mark.parametrize("family", ["llama", "gpt2", "t5"])
def test_wrong_numbers_put_the_layers_back(
    family: str,
    factor: float,
    build: Callable[[str], Path],
    packing: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = stock(build(family))
    before = weights(model)
    multiply = fast_linears._multiply
    monkeypatch.setattr(fast_linears, "_multiply", lambda x, w, bias: factor * multiply(x, w, bias))
    assert speed_up(model) == "torch"
    assert_untouched(model, before)


@pytest.mark.parametrize("failing", ["_multiply", "_packed"])
@pytest.mark.parametrize("calls", [0, 1, 5])
def test_an_error_on_the_way_puts_the_layers_back(
    failing: str, calls: int, tiny_llama: Path, packing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = stock(tiny_llama)
    before = weights(model)
    works = getattr(fast_linears, failing)
    left = iter(range(calls))

    def fails_in_the_end(*args: Tensor) -> Tensor:
        if next(left, None) is None:
            raise RuntimeError("could not create a primitive")
        result: Tensor = works(*args)
        return result

    monkeypatch.setattr(fast_linears, failing, fails_in_the_end)
    assert speed_up(model) == "torch"
    assert_untouched(model, before)


def test_a_packing_that_cannot_be_undone_is_not_begun(
    tiny_llama: Path, packing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = stock(tiny_llama)
    before = weights(model)
    packed = fast_linears._packed
    monkeypatch.setattr(fast_linears, "_packed", lambda matrix: packed(matrix.bfloat16().float()))
    assert speed_up(model) == "torch"
    assert_untouched(model, before)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_memory_holds_each_weight_once(
    family: str, build: Callable[[str], Path], packing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = stock(build(family))
    n_parameters = sum(p.numel() for p in model.module.parameters())
    dense = [
        weakref.ref(layer.weight)
        for layer in model.module.modules()
        if isinstance(layer, nn.Linear | Conv1D)
    ]
    in_memory: list[int] = []
    pack = fast_linears._pack

    def counted(linear: Any) -> None:
        in_memory.append(sum(weight() is not None for weight in dense))
        pack(linear)

    monkeypatch.setattr(fast_linears, "_pack", counted)
    # The collector may come by late, or never.
    gc.disable()
    try:
        assert speed_up(model) == "onednn"
    finally:
        gc.enable()
    assert len(packed_layers(model)) == len(dense)
    # Each is freed before the next one is packed.
    assert in_memory == list(range(len(dense), 0, -1))
    assert not any(weight() is not None for weight in dense)
    for layer in packed_layers(model):
        assert {name for name, _ in layer.named_parameters()} <= {"weight", "bias"}
        assert not list(layer.buffers())
        assert layer.weight.is_mkldnn
    assert sum(p.numel() for p in model.module.parameters()) == n_parameters


def test_a_packed_weight_still_says_what_it_is(tiny_llama: Path, packing: None) -> None:
    model = stock(tiny_llama)
    up = model.module.get_submodule("layers.0.mlp.up_proj")
    assert speed_up(model) == "onednn"
    weight = up.get_parameter("weight")
    assert (weight.dtype, weight.device.type, weight.shape) == (torch.float32, "cpu", (64, 32))


class Adapter(nn.Linear):
    """Stands for subclasses that use their weight in a way of their own."""


def test_adapters_hooked_and_tied_layers_are_left_alone(tiny_llama: Path, packing: None) -> None:
    model = stock(tiny_llama)
    mlp = [model.module.get_submodule(f"layers.{i}.mlp") for i in range(3)]
    adapter = Adapter(32, 64, bias=False)
    mlp[0].up_proj = adapter
    hooked = mlp[1].get_submodule("up_proj")
    seen = []
    hooked.register_forward_hook(lambda _module, _args, output: seen.append(output))
    tied = [mlp[2].get_submodule("up_proj"), mlp[2].get_submodule("gate_proj")]
    tied[1].weight = tied[0].weight
    expected = hidden_states(model)
    assert speed_up(model) == "onednn"
    alone = [adapter, hooked, *tied]
    assert [type(layer) for layer in alone] == [Adapter, nn.Linear, nn.Linear, nn.Linear]
    # Seven linear layers in each of three blocks.
    assert len(packed_layers(model)) == 3 * 7 - len(alone)
    seen.clear()
    states = hidden_states(model)
    assert len(seen) == 1
    # Rounding, as above.
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-5)


def test_a_layer_in_two_places_is_packed_once(tiny_llama: Path, packing: None) -> None:
    model = stock(tiny_llama)
    first, second = (model.module.get_submodule(f"layers.{i}.mlp") for i in (0, 1))
    second.up_proj = first.up_proj
    expected = hidden_states(model)
    assert speed_up(model) == "onednn"
    assert second.up_proj is first.up_proj
    assert isinstance(first.up_proj, PackedLinear)
    # Rounding, as above.
    torch.testing.assert_close(hidden_states(model), expected, rtol=0, atol=1e-5)
