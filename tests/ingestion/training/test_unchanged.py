"""A training that is measured goes on bit for bit as one that is not."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import embstore
from embstore.models import live
from tests.ingestion.training.plain_models import GPT

pytestmark = pytest.mark.slow

Loss = Callable[[nn.Module, Tensor], Tensor]


def _loss(model: nn.Module, ids: Tensor) -> Tensor:
    return torch.as_tensor(model(input_ids=ids, labels=ids).loss)


def _loss_of_plain(model: nn.Module, ids: Tensor) -> Tensor:
    return torch.as_tensor(model(ids, ids)[1])


def _loss_in_bfloat16(model: nn.Module, ids: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return _loss(model, ids)


def _train(
    model: nn.Module, run: nn.Module, loss: Loss, after: Callable[[int], None]
) -> list[object]:
    """Take four steps with dropout; return every number that the next step would depend on."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - trainings use the global generator
    random.seed(0)
    optimizer = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=1e-2)
    for step in range(4):
        ids = torch.randint(5, 200, (4, 32))
        loss(run, ids).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        after(step)
    tensors = [*model.state_dict().values()]
    tensors += [v for s in optimizer.state.values() for v in s.values() if torch.is_tensor(v)]
    modes = [part.training for part in model.modules()]
    numpy = str(np.random.get_state())  # noqa: NPY002
    generators = (torch.get_rng_state().tolist(), random.getstate(), numpy)
    return [[t.tolist() for t in tensors], modes, generators, torch.is_grad_enabled()]


def _check(
    make: Callable[[], nn.Module],
    record: Callable[..., embstore.Recorder],
    *,
    wrap: Callable[[nn.Module], nn.Module] = lambda model: model,
    loss: Loss = _loss,
    **options: object,
) -> None:
    model = make()
    without = _train(model, wrap(model), loss, lambda _step: None)
    model = make()
    run = wrap(model)
    with record(run, **options) as recorder:
        statuses: list[str] = []
        trained = _train(
            model, run, loss, lambda step: statuses.append(recorder.measure(step).status)
        )
    assert statuses == ["measured"] * 4
    assert trained == without


def test_dropout_and_optimizer(
    make_model: Callable[..., nn.Module], record: Callable[..., embstore.Recorder]
) -> None:
    _check(make_model, record)


def test_gradient_checkpointing(
    make_model: Callable[..., nn.Module], record: Callable[..., embstore.Recorder]
) -> None:
    def make() -> nn.Module:
        model = make_model("llama", attention_dropout=0.1)
        model.activation_checkpointing_enable()  # type: ignore[operator]
        return model

    _check(make, record)


# Dynamo looks at the gradient of a state, as it warns others not to.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
@pytest.mark.parametrize("manner", ["wrapped", "in place", "block by block"])
def test_compiled(
    manner: str, make_model: Callable[..., nn.Module], record: Callable[..., embstore.Recorder]
) -> None:
    def make() -> nn.Module:
        model = make_model("llama")
        # Of torch's backends the one that compiles nothing, which takes a moment only.
        if manner == "in place":
            model.compile(backend="eager")
        if manner == "block by block":
            layers = model.model.layers  # type: ignore[union-attr]
            for index, block in enumerate(list(layers)):  # type: ignore[arg-type]
                layers[index] = torch.compile(block, backend="eager")  # type: ignore[operator,assignment]
        return model

    def compiled(model: nn.Module) -> nn.Module:
        whole: nn.Module = torch.compile(model, backend="eager")  # type: ignore[assignment]
        return whole

    _check(make, record, wrap=compiled if manner == "wrapped" else lambda model: model)


def test_mixed_precision(
    make_model: Callable[..., nn.Module], record: Callable[..., embstore.Recorder]
) -> None:
    _check(make_model, record, loss=_loss_in_bfloat16)


def test_weights_that_change_at_every_run(
    make_model: Callable[..., nn.Module],
    record: Callable[..., embstore.Recorder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As if nobody had known that this family does so.
    monkeypatch.setattr(live, "_CHANGING", set())
    _check(lambda: make_model("rwkv"), record)


def test_hooks_of_others_are_not_called(
    make_model: Callable[..., nn.Module], record: Callable[..., embstore.Recorder]
) -> None:
    model = make_model()
    called: list[nn.Module] = []
    for part in model.modules():
        part.register_forward_hook(lambda part, _args, _output: called.append(part))
        part.register_forward_pre_hook(lambda part, _args: called.append(part))
    with record(model) as recorder:
        assert recorder.measure(0).status == "measured"
    assert not called


def test_what_watches_a_model_is_not_copied(
    make_model: Callable[..., nn.Module], record: Callable[..., embstore.Recorder]
) -> None:
    copies: list[object] = []

    class Watcher:
        def look(self, *_what: object) -> None:
            raise AssertionError("the training's own")

        def __deepcopy__(self, memo: object) -> object:
            # It may hold much.
            copies.append(memo)
            return self

    model, watcher = make_model(), Watcher()
    block = model.transformer.h[0]  # type: ignore[union-attr,index]
    block.register_forward_hook(watcher.look)  # type: ignore[union-attr]
    block.register_full_backward_hook(watcher.look)  # type: ignore[union-attr]
    with record(model) as recorder:
        assert recorder.measure(0).status == "measured"
    assert not copies
    assert len(block._forward_hooks) == len(block._backward_hooks) == 1  # type: ignore[union-attr,arg-type]


def test_a_hook_that_makes_a_weight_is_kept(
    make_model: Callable[..., nn.Module], record: Callable[..., embstore.Recorder], tmp_path: Path
) -> None:
    plain, normed = make_model(), make_model()
    with torch.no_grad():
        # Weight norm gives the same weight back, from two parts of it.
        torch.nn.utils.parametrizations.weight_norm(normed.transformer.h[0].mlp.c_fc)  # type: ignore[union-attr,index]
    values: list[list[float | None]] = []
    for model in (plain, normed):
        with record(model, store=tmp_path / f"{len(values)}.duckdb") as recorder:
            run = recorder.measure(0).run
        assert run is not None
        values.append([number.value for number in run.measured.measurements])
    assert values[0] == pytest.approx(values[1], rel=1e-4)


def test_a_module_around_the_model(
    make_model: Callable[..., nn.Module], record: Callable[..., embstore.Recorder]
) -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = make_model()
            self.more = nn.LayerNorm(3)

        def forward(self, **given: Tensor) -> object:
            return self.inner(**given)

    _check(Around, record)


def test_a_model_of_ones_own(record: Callable[..., embstore.Recorder]) -> None:
    def make() -> nn.Module:
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            return GPT()

    _check(make, record, loss=_loss_of_plain)


def test_no_gradient_is_left_behind(
    make_model: Callable[..., nn.Module], record: Callable[..., embstore.Recorder]
) -> None:
    model = make_model()
    with record(model) as recorder:
        recorder.measure(0)
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())
