"""A recorder in a loop of one's own."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from torch import nn

import embstore
from embstore import Recorder
from embstore.errors import ModelError, UsageError
from embstore.ingestion.training.budget import Budget
from embstore.ingestion.training.processors import PlainTokenizer
from embstore.inputs.corpus import open_corpus
from embstore.inputs.text_windows import draw_windows
from tests import tiny_models
from tests.ingestion.training.plain_models import GPT, VOCAB
from tests.processes import finish, finish_killed, start


def words(text: str) -> list[int]:
    """Encode a text by hand: w7 is 7."""
    return [int(word[1:]) for word in text.split() if word[1:].isdigit()]


class Encoder:
    """Encodes as tiktoken does."""

    name = "words"

    def encode_ordinary(self, text: str) -> list[int]:
        return words(text)

    def encode(self, text: str) -> list[int]:
        raise AssertionError("would give special tokens a meaning")

    def decode(self, ids: list[int]) -> str:
        return " ".join(f"w{i}" for i in ids)


@pytest.fixture
def gpt() -> GPT:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return GPT()


@pytest.mark.slow
def test_a_plain_model_has_its_blocks_and_its_last_norm(
    gpt: GPT, record: Callable[..., Recorder], store: Path
) -> None:
    with record(gpt, words) as recorder:
        assert recorder.measure(3, tokens_seen=96).status == "measured"
    db = embstore.open(store)
    layers = db.sql(
        "SELECT DISTINCT layer, site, kind, step, tokens_seen FROM profile ORDER BY 1, 2"
    )
    assert layers.to_pylist() == [
        {"layer": layer, "site": site, "kind": "decoder", "step": 3, "tokens_seen": 96}
        for layer, site in [
            (0, "embedding"),
            (1, "block"),
            (2, "block"),
            (3, "block"),
            (3, "final_norm"),
        ]
    ]
    (model,) = db.sql(
        "SELECT name, architecture, vocab_size, context_length FROM model"
    ).to_pylist()
    assert model == {
        "name": "out",
        "architecture": "GPT",
        "vocab_size": VOCAB,
        "context_length": 64,
    }


def test_states_of_a_plain_model_are_what_its_blocks_put_out(
    gpt: GPT, record: Callable[..., Recorder], text: Path
) -> None:
    with record(gpt, words) as recorder:
        run = recorder.measure(0).run
    assert run is not None
    with open_corpus(text) as corpus:
        windows = draw_windows(corpus, PlainTokenizer(words), tokens=512, window=64, seed=0)
    ids = torch.from_numpy(windows.ids)
    outputs: list[torch.Tensor] = []
    hook = gpt.transformer["ln_f"].register_forward_hook(
        lambda _part, args, output: outputs.extend([args[0], output])
    )
    with torch.no_grad():
        gpt.eval()(ids)
    hook.remove()
    for state, site in zip(outputs, ("block", "final_norm"), strict=True):
        tokens = state.reshape(-1, state.shape[-1]).double()
        values = torch.linalg.svdvals(tokens - tokens.mean(0)) ** 2
        expected = float(values[0] / values.sum())
        (found,) = (
            number.value
            for number in run.measured.measurements
            if (number.metric, number.scope) == ("anisotropy", "all")
            and (number.key.layer, number.key.site) == (3, site)
        )
        assert found == pytest.approx(expected, rel=1e-5)


def test_an_encoder_adds_no_special_tokens_which_cutting_would_take_off() -> None:
    encoder = tiny_models.words()
    encoder.post_processor = TemplateProcessing(
        single="w1 $A w2", special_tokens=[("w1", 1), ("w2", 2)]
    )
    reader = PlainTokenizer(encoder)
    read = partial(reader, add_special_tokens=True, truncation=True, max_length=3)
    assert [read(text)["input_ids"] for text in ("", "w7 w8", "w7 w8 w9 w10")] == [
        [],
        [7, 8],
        [7, 8, 9],
    ]


def test_any_encoder_will_do(gpt: GPT, record: Callable[..., Recorder], store: Path) -> None:
    with record(gpt, Encoder()) as recorder:
        assert recorder.measure(0).status == "measured"
    tokens = embstore.open(store).sql("SELECT DISTINCT token, token_id FROM massive_activation")
    assert all(row["token"] == f"w{row['token_id']}" for row in tokens.to_pylist())


@pytest.mark.slow
def test_weights_that_change_have_another_run(gpt: GPT, record: Callable[..., Recorder]) -> None:
    with record(gpt, words) as recorder:
        first, same = recorder.measure(0), recorder.measure(0)
        with torch.no_grad():
            gpt.lm_head.weight.mul_(1.1)
        other = recorder.measure(0)
    assert (first.status, same.status, other.status) == ("measured", "stored", "measured")
    assert first.run_id == same.run_id != other.run_id


@pytest.mark.parametrize(
    ("model", "tokenizer", "message"),
    [
        (nn.Linear(3, 3), words, "cannot be called with a batch of token ids"),
        (nn.Embedding(200, 8), words, "no list of blocks"),
        (GPT(), None, "turns no text into token ids"),
        (GPT(), lambda _text: 1 / 0, "turns no text into token ids"),
        (GPT(), lambda text: [10**6 for _ in text.split()], "the model knows only 200"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    model: nn.Module, tokenizer: object, message: str, record: Callable[..., Recorder]
) -> None:
    with pytest.raises(ModelError, match=message):
        record(model, tokenizer)


def test_an_adapter_on_a_quantised_model_is_refused(
    make_model: Callable[..., nn.Module], record: Callable[..., Recorder]
) -> None:
    """As QLoRA trains: its checkpoints have another base than it has run with."""
    model: Any = make_model()
    model.peft_config = {"default": SimpleNamespace(peft_type="LORA")}
    packed = nn.Parameter(torch.zeros(8, 1, dtype=torch.uint8), requires_grad=False)
    model.transformer.h[0].mlp.c_fc.weight = packed
    refused = pytest.raises(ModelError, match=r"c_fc\.weight\), .* with embstore ingest")
    with refused, record(model):
        pass


class Elsewhere(nn.Parameter):
    """A weight on a card that this machine need not have."""

    device = torch.device("cuda:1")


@pytest.mark.parametrize("family", ["gpt2", None])
def test_a_model_that_is_split_over_devices_is_refused(
    family: str | None,
    gpt: GPT,
    make_model: Callable[..., nn.Module],
    record: Callable[..., Recorder],
) -> None:
    model: Any = make_model(family) if family else gpt
    last = model.transformer.h[-1]
    part = next(part for part in last.modules() if isinstance(part, nn.LayerNorm))
    part.weight = Elsewhere(part.weight.detach())
    with pytest.raises(ModelError, match=r"split over several devices \(cpu, cuda:1\), .*put all"):
        record(model, *([] if family else [words]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": " "}, "the name is"),
        ({"name": "a\nb"}, "the name is"),
        ({"max_overhead": 0}, "max_overhead is 0"),
        ({"batch_size": 0}, "batch size"),
    ],
)
def test_options_that_will_not_do(
    options: dict[str, object], message: str, gpt: GPT, record: Callable[..., Recorder]
) -> None:
    with pytest.raises(UsageError, match=message):
        record(gpt, words, **options)


def test_a_model_is_a_module(record: Callable[..., Recorder]) -> None:
    with pytest.raises(UsageError, match="the model is a str"):
        record("gpt2")


@pytest.mark.parametrize("step", [-1, 1.5, "1", True, 2**63])
def test_a_step_is_a_whole_number(step: object, gpt: GPT, record: Callable[..., Recorder]) -> None:
    with record(gpt, words) as recorder, pytest.raises(UsageError, match="step"):
        recorder.measure(step)  # type: ignore[arg-type]


def test_what_is_left_out_is_told(
    gpt: GPT, record: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    with record(gpt, words, max_overhead=0.5, say=lines.append) as recorder:
        monkeypatch.setattr(Budget, "allows", lambda _budget: False)
        assert [recorder.measure(step).status for step in (1, 2)] == ["skipped"] * 2
        monkeypatch.setattr(Budget, "allows", lambda _budget: True)
        recorded = recorder.measure(3)
    assert len(lines) == 1
    assert lines[0].endswith("; 2 left out before it")
    assert recorded.seconds > 0
    assert 0 < recorded.overhead <= 1


def test_processes_that_find_each_other_later(
    gpt: GPT, record: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    with record(gpt, words) as recorder:
        monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
        monkeypatch.setattr("torch.distributed.get_rank", lambda: 1)
        recorded = recorder.measure(0)
    assert (recorded.status, recorded.run) == ("skipped", None)
    assert recorded.reason == "another process of the training measures"


@contextlib.contextmanager
def _by_default(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
        # Whatever read a model meanwhile.
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "context",
    [
        lambda: torch.autocast("cpu", dtype=torch.bfloat16),
        torch.no_grad,
        lambda: _by_default(torch.bfloat16),
        lambda: _by_default(torch.float64),
        _deterministic,
    ],
    ids=["autocast", "no gradients", "bfloat16", "float64", "deterministic"],
)
def test_what_is_set_around_it_makes_no_difference(
    context: Callable[[], contextlib.AbstractContextManager[None]],
    make_model: Callable[..., nn.Module],
    record: Callable[..., Recorder],
    tmp_path: Path,
) -> None:
    model, numbers = make_model("llama"), []
    for name, around in (("without", contextlib.nullcontext), ("within", context)):
        with around(), record(model, store=tmp_path / f"{name}.duckdb") as recorder:
            run = recorder.measure(0).run
        assert run is not None
        numbers.append([number.value for number in run.measured.measurements])
    assert numbers[0] == numbers[1]


def test_numbers_in_short(gpt: GPT, record: Callable[..., Recorder]) -> None:
    with record(gpt, words) as recorder:
        recorded = recorder.measure(0)
    assert recorded.run is not None
    of_blocks = [
        number.value
        for number in recorded.run.measured.measurements
        if (number.metric, number.scope, number.key.site) == ("twonn", "all", "block")
    ]
    assert recorded.scalars["embstore/twonn/largest"] == max(filter(None, of_blocks))
    assert recorded.scalars["embstore/seconds"] == recorded.seconds
    assert set(recorded.scalars) >= {"embstore/anisotropy/mean", "embstore/anisotropy/last"}


def test_what_a_user_is_told_by_may_fail(
    gpt: GPT,
    record: Callable[..., Recorder],
    store: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def say(_line: str) -> None:
        raise BrokenPipeError("the terminal is closed")

    with record(gpt, words, say=say, alerts="anisotropy@all > 0") as recorder:
        recorded = recorder.measure(0)
    assert recorded.status == "measured"
    assert len(recorded.alerts) == 5
    told = [line for line in caplog.messages if "say failed" in line]
    assert len(told) == 1
    assert "the terminal is closed" in told[0]


def test_a_store_of_something_else_keeps_the_runs(
    gpt: GPT,
    record: Callable[..., Recorder],
    store: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with record(gpt, words) as recorder:
        store.write_bytes(b"somebody's notes")
        with caplog.at_level(logging.WARNING, "embstore"):
            recorded = recorder.measure(0)
    assert recorded.status == "kept"
    assert recorded.file is not None
    assert recorded.file.is_file()
    assert store.read_bytes() == b"somebody's notes"


_TRAIN = """
import signal, os, sys
from pathlib import Path
import torch
from embstore import Recorder
from tests.ingestion.training.plain_models import GPT
from tests.ingestion.training.test_recorder import words

store, text, name, end = sys.argv[1:]
torch.manual_seed(len(name))
model = GPT()
how = dict(tokens=512, window=64, sample=256, metrics="core", intervals=False)
with Recorder(model, words, corpus=text, name=name, store=store, say=print, **how) as recorder:
    for step in range(6):
        recorder.measure(step)
        if step == 3 and end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        with torch.no_grad():
            model.lm_head.weight.mul_(1.1)
"""


@pytest.mark.slow
def test_two_trainings_at_once_one_of_which_is_killed(store: Path, text: Path) -> None:
    killed = start(_TRAIN, store, text, "killed", "killed")
    other = start(_TRAIN, store, text, "other", "whole")
    finish_killed(killed)
    finish(other)
    spool = store.with_name("runs.duckdb.spool")
    if spool.exists():
        embstore.take_in(spool, store=store)
    found = embstore.open(store).sql(
        "SELECT model, list(DISTINCT step ORDER BY step) AS steps FROM profile GROUP BY model "
        "ORDER BY model"
    )
    assert found.to_pylist() == [
        {"model": "killed", "steps": [0, 1, 2, 3]},
        {"model": "other", "steps": [0, 1, 2, 3, 4, 5]},
    ]
