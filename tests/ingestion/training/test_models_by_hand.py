"""Models of plain torch in the many shapes that people give them."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from embstore import Recorder
from embstore.errors import ModelError
from tests.ingestion.training.plain_models import VOCAB, WIDTH, Block
from tests.ingestion.training.test_recorder import words

pytestmark = pytest.mark.slow


class Usual(nn.Module):
    """An embedding, three blocks and a norm; one and the same model in every shape."""

    def __init__(self, table: nn.Module | None = None) -> None:
        super().__init__()
        self.wte = table or nn.Embedding(VOCAB, WIDTH)
        self.wpe = nn.Embedding(64, WIDTH)
        self.h: nn.Module = nn.ModuleList([Block() for _ in range(3)])
        self.ln_f = nn.LayerNorm(WIDTH)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1], device=ids.device))
        for block in self.h.children():
            x = block(x)
        return torch.as_tensor(self.ln_f(x))


class InDictionary(Usual):
    def __init__(self) -> None:
        super().__init__()
        self.h = nn.ModuleDict({f"block {i}": block for i, block in enumerate(self.h.children())})


class AmongOthers(Usual):
    """Has a dictionary of all that comes after the embeddings."""

    def __init__(self) -> None:
        super().__init__()
        blocks, norm = self.h, self.ln_f
        del self.h, self.ln_f
        self.rest = nn.ModuleDict({"h": blocks, "ln_f": norm})

    def forward(self, ids: Tensor) -> Tensor:
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1], device=ids.device))
        for block in self.rest["h"].children():
            x = block(x)
        return torch.as_tensor(self.rest["ln_f"](x))


class Table(nn.Module):
    """An embedding by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(VOCAB, WIDTH))

    def forward(self, ids: Tensor) -> Tensor:
        return self.weight[ids]


class Turned(Block):
    """Takes (tokens, batch, width), as blocks of torch do unless told otherwise."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(0, 1)).transpose(0, 1)


class TokensFirst(Usual):
    def __init__(self) -> None:
        super().__init__()
        blocks = nn.ModuleList([Turned() for _ in range(3)])
        blocks.load_state_dict(self.h.state_dict())
        self.h = blocks

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        x = (self.wte(ids) + self.wpe(places)).transpose(0, 1)
        for block in self.h.children():
            x = block(x)
        return torch.as_tensor(self.ln_f(x).transpose(0, 1))


class TakesTokensFirst(TokensFirst):
    """Is called with (tokens, batch), as torch's tutorial has it."""

    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids.transpose(0, 1)).transpose(0, 1)


class NoTable(Usual):
    def __init__(self) -> None:
        super().__init__()
        self.wte = nn.Identity()
        self.a, self.b = (nn.Parameter(torch.randn(VOCAB, WIDTH)) for _ in range(2))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.a[ids] + self.b[ids]
        for block in self.h.children():
            x = block(x)
        return x


# Any, for what is set on a model is nothing that modules are known to have.
def _made(kind: Callable[[], nn.Module]) -> Any:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return kind().train()


Numbers = Callable[[nn.Module], list[tuple[object, str, str, float | None]]]


@pytest.fixture
def numbers(record: Callable[..., Recorder], tmp_path: Path) -> Numbers:
    """Measure a model into a store of its own."""
    stores = iter(range(9))

    def measure(model: nn.Module) -> list[tuple[object, str, str, float | None]]:
        with record(model, words, store=tmp_path / f"{next(stores)}.duckdb") as recorder:
            recorded = recorder.measure(0)
        assert recorded.run is not None, recorded.reason
        return [(n.key, n.scope, n.metric, n.value) for n in recorded.run.measured.measurements]

    return measure


@pytest.mark.parametrize(
    "shape",
    [InDictionary, AmongOthers, TokensFirst, lambda: Usual(Table())],
    ids=["in a dictionary", "among others", "tokens first", "a table by hand"],
)
def test_shapes_of_a_model(shape: Callable[[], nn.Module], numbers: Numbers) -> None:
    model, usual = _made(shape), _made(Usual)
    # Whatever the order in which they were drawn.
    weights = zip(usual.state_dict(), model.state_dict().values(), strict=True)
    usual.load_state_dict(dict(weights))
    assert numbers(model) == numbers(usual)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TakesTokensFirst, r"seems to be called with \(tokens, batch\)"),
        (NoTable, "give it an attribute vocab_size"),
        (
            lambda: torch.ao.quantization.quantize_dynamic(Usual(), {nn.Linear}),  # type: ignore[no-untyped-call]
            "before quantisation",
        ),
        (lambda: Usual().to("meta"), "hold no numbers, wte.weight first"),
    ],
)
# What torch says of its own quantisation.
@pytest.mark.filterwarnings("ignore")
def test_what_would_give_wrong_numbers_is_refused(
    model: Callable[[], nn.Module], message: str, record: Callable[..., Recorder]
) -> None:
    with pytest.raises(ModelError, match=message):
        record(_made(model), words)


def test_how_many_tokens_it_knows_can_be_said(record: Callable[..., Recorder]) -> None:
    model = _made(NoTable)
    model.vocab_size = VOCAB
    with record(model, words) as recorder:
        assert recorder.measure(0).status == "measured"


class ByName(Usual):
    """Is called as the Trainer calls a model."""

    def forward(self, *, labels: Tensor | None = None, input_ids: Tensor) -> Tensor:  # type: ignore[override]
        del labels
        return super().forward(input_ids)


class OwnConfig(PretrainedConfig):  # type: ignore[misc]
    model_type = "own"


class OfTransformersInName(PreTrainedModel):  # type: ignore[misc]
    """Is written like those of transformers, which know nothing of it."""

    config_class = OwnConfig

    def __init__(self, config: OwnConfig) -> None:
        super().__init__(config)
        self.inner = Usual()
        self.post_init()

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        del labels
        return {"logits": self.inner(input_ids)}


@pytest.mark.parametrize("kind", [ByName, lambda: OfTransformersInName(OwnConfig())])
def test_models_that_a_trainer_takes(
    kind: Callable[[], nn.Module], record: Callable[..., Recorder]
) -> None:
    # With the Trainer goes a tokenizer of transformers.
    with record(_made(kind)) as recorder:
        recorded = recorder.measure(0)
    assert recorded.status == "measured", recorded.reason


def test_a_window_is_no_longer_than_the_places_a_model_has(
    record: Callable[..., Recorder],
) -> None:
    with record(_made(Usual), words, window=None) as recorder:
        run = recorder.measure(0).run
    assert run is not None
    assert run.configuration.window_size == run.model.context_length == 64


def test_a_model_may_keep_what_cannot_be_copied(numbers: Numbers, tmp_path: Path) -> None:
    model, plain = _made(Usual), _made(Usual)
    with (tmp_path / "notes").open("w") as file:
        model.lock, model.notes = threading.Lock(), {"file": file}
        # What a forward pass has left, with its history.
        model.seen = [model(torch.zeros(1, 4, dtype=torch.long))]
        assert numbers(model) == numbers(plain)
        # Neither closed nor replaced.
        file.write("still open")
    assert model.seen[0].grad_fn is not None


def test_a_generator_would_be_further_on(record: Callable[..., Recorder]) -> None:
    model = _made(Usual)
    model.drawn = (number for number in range(3))
    with pytest.raises(ModelError, match="cannot be copied"):
        record(model, words)


def test_a_forward_in_lower_precision_is_not_that_of_the_copy(numbers: Numbers) -> None:
    model, plain = _made(Usual), _made(Usual)
    # As accelerate prepares a model for mixed precision.
    model._original_forward = model.forward
    lower = torch.autocast("cpu", dtype=torch.bfloat16)(Usual.forward)
    model.forward = MethodType(lower, model)
    assert numbers(model) == numbers(plain)
    assert model.forward.__func__ is lower


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_buffers_go_with_the_weights(dtype: torch.dtype, numbers: Numbers) -> None:
    class Normed(Usual):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(WIDTH)

        def forward(self, ids: Tensor) -> Tensor:
            return torch.as_tensor(self.norm(super().forward(ids).transpose(1, 2)))

    model = _made(Normed).to(dtype)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert numbers(model)
    assert all(torch.equal(before[name], it) for name, it in model.state_dict().items())
    assert all(it.dtype in (dtype, torch.int64) for it in model.state_dict().values())


def test_within_inference_mode(numbers: Numbers) -> None:
    usual = _made(Usual)
    with torch.inference_mode():
        assert numbers(_made(Usual)) == numbers(usual)


def test_torchs_default_device_may_be_another(
    make_model: Callable[..., nn.Module], record: Callable[..., Recorder]
) -> None:
    model = make_model("llama")
    torch.set_default_device("meta")
    try:
        with record(model) as recorder:
            recorded = recorder.measure(0)
    finally:
        torch.set_default_device(None)
    assert recorded.status == "measured", recorded.reason


def test_compiled_it_is_the_same_model(record: Callable[..., Recorder]) -> None:
    model = _made(Usual)
    with record(model, words) as recorder:
        first = recorder.measure(0)
    blocks = model.h
    blocks[1] = torch.compile(blocks[1], backend="eager")
    with record(model, words) as recorder:
        again = recorder.measure(0)
    assert (again.status, again.run_id) == ("stored", first.run_id)


def test_a_training_that_has_diverged_is_told_of(record: Callable[..., Recorder]) -> None:
    model = _made(Usual)
    with torch.no_grad():
        model.h[1].proj.weight.fill_(torch.nan)
    with record(model, words) as recorder:
        recorded = recorder.measure(0)
    assert recorded.status == "failed"
    assert recorded.reason is not None
    assert recorded.reason.startswith("Usual returns hidden states of NaN")
