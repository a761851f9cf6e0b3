"""The callback in the Trainer of transformers, and in one of TRL."""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import PreTrainedTokenizerFast, TrainerCallback, TrainerState
from transformers.trainer_utils import get_last_checkpoint

import embstore
from embstore.callback import EmbstoreCallback
from embstore.errors import CorpusError, StoreError, UsageError
from embstore.ingestion.training.how import How
from embstore.ingestion.training.of_transformers import OfTransformers
from embstore.store import spool
from tests.holding import held
from tests.ingestion.training.trainings import examples, trainer

# The Trainer saves its random states in a way that it says it will change.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture
def callback(text: Path, store: Path, how: How) -> Callable[..., EmbstoreCallback]:
    def make(**options: Any) -> EmbstoreCallback:
        given = {"corpus": text, "store": store, "max_overhead": None, **how, **options}
        return EmbstoreCallback(**given)

    return make


@pytest.fixture
def lines() -> list[str]:
    """What the callback says."""
    return []


def _measured(store: Path) -> list[tuple[int, str, str]]:
    found = embstore.open(store).sql(
        "SELECT step, revision, model FROM profile GROUP BY ALL ORDER BY step, model"
    )
    return [(row["step"], row["revision"], row["model"]) for row in found.to_pylist()]


def _steps(store: Path) -> list[int]:
    return [step for step, _, _ in _measured(store)]


def _saved(folder: Path) -> dict[str, object]:
    """What a checkpoint folder holds that the next step depends on."""
    loaded = {
        name: _numbers(torch.load(folder / name, weights_only=False))
        for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth")
    }
    return {"weights": (folder / "model.safetensors").read_bytes(), **loaded}


def _numbers(content: object) -> object:
    """Return a structure of tensors as one of lists, which compare by every number."""
    if isinstance(content, dict):
        return {key: _numbers(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_numbers(value) for value in content]
    return content.tolist() if hasattr(content, "tolist") else content


def test_training_is_unchanged_and_steps_are_those_of_the_schedule(
    tmp_path: Path,
    store: Path,
    text: Path,
    how: How,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
    lines: list[str],
) -> None:
    trainer(make_model(), tokenizer, tmp_path / "without").train()
    geometry = callback(say=lines.append)
    trainer(make_model(), tokenizer, tmp_path / "lab" / "run-7", [geometry]).train()
    for step in (2, 4, 6):
        without, measured = (
            _saved(tmp_path / folder / f"checkpoint-{step}") for folder in ("without", "lab/run-7")
        )
        assert without == measured
    expected = [(step, f"checkpoint-{step}", "run-7") for step in (0, 1, 2, 4, 6)]
    assert _measured(store) == expected
    assert [line.partition(":")[0] for line in lines] == [f"step {s}" for s in (0, 1, 2, 4, 6)]
    assert all(" s, " in line and "% of the time so far" in line for line in lines)
    outcomes = embstore.ingest(tmp_path / "lab" / "run-7", corpus=text, store=store, **how)
    assert [outcome.status for outcome in outcomes] == ["stored"] * 3


def test_a_resumed_training_goes_on_with_its_series(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
    lines: list[str],
) -> None:
    output = tmp_path / "run"
    trainer(make_model(), tokenizer, output, [callback(every=2)], max_steps=4).train()
    assert _steps(store) == [0, 2, 4]
    again = trainer(make_model(), tokenizer, output, [callback(every=2, say=lines.append)])
    again.train(resume_from_checkpoint=get_last_checkpoint(str(output)))
    assert _steps(store) == [0, 2, 4, 6]
    assert len(lines) == 2
    assert "stored before" in lines[0]
    runs = embstore.open(store).sql("SELECT count(*) AS n FROM run").to_pylist()
    assert runs == [{"n": 4}]


@pytest.mark.parametrize(
    ("every", "steps"), [("save", [2, 4, 6]), (3, [0, 3, 6]), ([1, 5], [1, 5, 6])]
)
def test_when_to_measure(
    every: str | int | list[int],
    steps: list[int],
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    trainer(make_model(), tokenizer, tmp_path / "run", [callback(every=every)]).train()
    assert _steps(store) == steps


def test_saving_at_the_end_of_an_epoch(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    lab = trainer(
        make_model(),
        tokenizer,
        tmp_path / "run",
        [callback(every="save")],
        max_steps=-1,
        num_train_epochs=2,
        per_device_train_batch_size=32,
        save_strategy="epoch",
    )
    lab.train()
    assert _steps(store) == [2, 4]


def test_the_last_step_is_not_the_best_model_of_before(
    tmp_path: Path,
    store: Path,
    text: Path,
    how: How,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    lab = trainer(
        make_model(),
        tokenizer,
        tmp_path / "run",
        [callback(every=4)],
        load_best_model_at_end=True,
        eval_strategy="steps",
        eval_steps=2,
        # The loss falls, so that the first is the best: the Trainer holds that at the end.
        metric_for_best_model="loss",
        greater_is_better=True,
    )
    lab.train()
    assert lab.state.best_global_step == 2
    assert _steps(store) == [0, 4, 6]
    outcomes = embstore.ingest(tmp_path / "run", corpus=text, store=store, **how)
    assert [outcome.status for outcome in outcomes] == ["measured", "stored", "stored"]


def test_two_trainings_in_one_store(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    for name in ("one", "two"):
        geometry = callback(every="save", tags={"lr": name})
        trainer(make_model(), tokenizer, tmp_path / name, [geometry], max_steps=2).train()
    assert _measured(store) == [(2, "checkpoint-2", "one"), (2, "checkpoint-2", "two")]


@pytest.mark.parametrize(
    ("name", "found"), [(None, ["run-0", "run-1"]), ("a", ["a/run-0", "a/run-1"])]
)
def test_each_trial_of_a_search_is_a_training_of_its_own(
    name: str | None,
    found: list[str],
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    geometry = callback(every="save", name=name)
    other = make_model()
    for rate in (1e-3, 1e-2):
        model = make_model()
        lab = trainer(model, tokenizer, tmp_path, [geometry], max_steps=1, learning_rate=rate)
        # A checkpoint of a training before the search lies there.
        other.save_pretrained(tmp_path / "checkpoint-1")  # type: ignore[operator]
        # What the Trainer says in a search; its own needs one of several libraries.
        state = TrainerState(global_step=1, max_steps=1, is_hyper_param_search=True)
        given = {"model": model, "processing_class": tokenizer}
        geometry.on_train_begin(lab.args, state, lab.control, **given)
        with torch.no_grad():
            next(model.parameters()).mul_(rate)
        geometry.on_save(lab.args, state, lab.control, **given)
        geometry.on_train_end(lab.args, state, lab.control, **given)
    assert [model for _, _, model in _measured(store)] == found
    checkpoints = embstore.open(store).sql("SELECT DISTINCT weights_sha256 FROM checkpoint")
    assert len(checkpoints) == 2


def test_cost_is_capped(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    # Six steps of a tiny model take less than one measurement.
    geometry = callback(every=1, max_overhead=0.01)
    trainer(make_model(), tokenizer, tmp_path / "run", [geometry]).train()
    assert _steps(store) == [0]


def test_a_locked_store_lets_training_go_on(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("embstore.ingestion.training.recorder._PATIENCE", 0.1)
    trainer(make_model(), tokenizer, tmp_path / "a", [callback(every=[0])], max_steps=1).train()
    caplog.clear()
    with held(store), caplog.at_level(logging.WARNING, "embstore"):
        trainer(make_model(), tokenizer, tmp_path / "run", [callback(every="save")]).train()
    told = [r.getMessage() for r in caplog.records if r.name.startswith("embstore")]
    assert len(told) == 1
    assert "not stored" in told[0]
    assert "ingest --spool" in told[0]
    folder = store.with_name("runs.duckdb.spool")
    assert len(list(folder.iterdir())) == 3
    # The next success takes them in.
    trainer(make_model(), tokenizer, tmp_path / "b", [callback(every=[0])], max_steps=1).train()
    assert [m for m in _measured(store) if m[2] == "run"] == [
        (step, f"checkpoint-{step}", "run") for step in (2, 4, 6)
    ]
    assert not folder.exists()


def test_what_is_kept_can_be_taken_in_by_hand(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(spool, "write_run", full)
        geometry = callback(every="save")
        trainer(make_model(), tokenizer, tmp_path / "run", [geometry]).train()
    assert not store.exists()
    embstore.take_in(store.with_name("runs.duckdb.spool"), store=store)
    assert _steps(store) == [2, 4, 6]


def test_a_full_disk_is_told_once(
    tmp_path: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    def refuse(*_args: object, **_options: object) -> None:
        raise StoreError("runs.duckdb could not be written (no space left on device)")

    monkeypatch.setattr(spool, "write_run", refuse)
    monkeypatch.setattr(spool, "write_durably", full)
    lab = trainer(make_model(), tokenizer, tmp_path / "run", [callback(every=1)])
    assert lab.train().global_step == 6
    told = [r.getMessage() for r in caplog.records if r.name.startswith("embstore")]
    assert sum("no space left" in line for line in told) == 1
    assert told[-1] == "7 measurements failed in all"


def test_a_failing_measurement_is_told_once(
    tmp_path: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    free = iter(range(7, 0, -1))

    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError(f"out of memory, {next(free)} GiB are free")

    monkeypatch.setattr(OfTransformers, "measure", fail)
    lab = trainer(make_model(), tokenizer, tmp_path / "run", [callback(every=1)])
    assert lab.train().global_step == 6
    told = [r.getMessage() for r in caplog.records if r.name.startswith("embstore")]
    assert [line for line in told if "out of memory" in line] == [
        "step 0 could not be measured: unexpected RuntimeError: out of memory, 7 GiB are "
        "free; training goes on, and this is said once"
    ]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"every": "lots"}, UsageError, "every is 'lots'"),
        ({"every": 0}, UsageError, "every"),
        ({"every": True}, UsageError, "every is True"),
        ({"every": []}, UsageError, "empty list"),
        ({"max_overhead": 5}, UsageError, "max_overhead is 5"),
        ({"metrics": "anisotropi"}, UsageError, "anisotropy"),
        ({"alerts": "anisotropy above 1"}, UsageError, "cannot be understood"),
        ({"alerts": "rankme > 1"}, UsageError, "not measured"),
        ({"alerts": "anisotropy@no_first > 1"}, UsageError, "no_first"),
        ({"corpus": "absent.txt"}, CorpusError, "absent.txt"),
        ({"tokens": 10**9, "window": 64}, CorpusError, "too short"),
        ({"window": 10**5, "tokens": 10**6}, UsageError, "window"),
        ({"tokenizer": 7}, embstore.ModelError, "tokenizer"),
        ({"store": "/nowhere/at/all.duckdb"}, StoreError, "folder"),
    ],
)
def test_what_is_wrong_from_the_start_stops_before_training(
    options: dict[str, object],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    lab = trainer(make_model(), tokenizer, tmp_path / "run")
    with pytest.raises(error, match=message):  # noqa: PT012 - either may find it
        lab.add_callback(callback(**options))
        lab.train()
    assert lab.state.global_step == 0


def test_an_unknown_option_is_refused(callback: Callable[..., EmbstoreCallback]) -> None:
    with pytest.raises(TypeError, match="tokns"):
        callback(tokns=5)


def test_a_trainer_without_tokenizer_needs_one(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tiny_llama: Path,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    with pytest.raises(UsageError, match="processing_class"):
        trainer(make_model(), None, tmp_path / "run", [callback()]).train()
    # The folder of a model that has one will do.
    geometry = callback(every=[0], tokenizer=tiny_llama)
    trainer(make_model(), None, tmp_path / "run", [geometry], max_steps=1).train()
    assert _steps(store) == [0, 1]


def test_a_callback_serves_again(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
    lines: list[str],
) -> None:
    # What can be read only once is asked for by each training.
    geometry = callback(
        every=[0],
        metrics=iter(["anisotropy"]),
        alerts=iter(["anisotropy@all > 0"]),
        say=lines.append,
    )
    for name in ("one", "two"):
        trainer(make_model(), tokenizer, tmp_path / name, [geometry], max_steps=1).train()
    assert _measured(store) == [
        (step, f"checkpoint-{step}", name) for step in (0, 1) for name in ("one", "two")
    ]
    assert len([line for line in lines if line.startswith("alert")]) == 10


def test_an_alert_is_given_when_a_threshold_is_crossed(
    tmp_path: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
    lines: list[str],
) -> None:
    given: list[object] = []

    def note(alert: object) -> None:
        given.append(alert)
        raise ValueError("what a user's function may do")

    geometry = callback(
        every=2, alerts=["anisotropy@all > 0", "mle < 0"], on_alert=note, say=lines.append
    )
    lab = trainer(make_model(), tokenizer, tmp_path / "run", [geometry])
    assert lab.train().global_step == 6
    # Every layer once, at the first step, and not again while it stays beyond.
    assert [str(alert) for alert in given] == [
        line.removeprefix("alert, ") for line in lines if line.startswith("alert")
    ]
    assert len(given) == 5
    assert str(given[0]).startswith("step 0: anisotropy@all of decoder layer 0 is ")


def test_tensorboard_gets_the_numbers_at_their_steps(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    output = tmp_path / "run"
    geometry = callback(every=2)
    trainer(make_model(), tokenizer, output, [geometry], report_to=["tensorboard"]).train()
    (folder,) = {file.parent for file in output.rglob("events.out.tfevents.*")}
    events = EventAccumulator(str(folder))
    events.Reload()
    assert "train/loss" in events.Tags()["scalars"]
    largest = events.Scalars("embstore/anisotropy/largest")
    assert [event.step for event in largest] == [0, 2, 4, 6]
    stored = embstore.open(store).sql(
        "SELECT max(value) AS value FROM profile WHERE metric = 'anisotropy' AND scope = 'all' "
        "AND site = 'block' GROUP BY step ORDER BY step"
    )
    assert [event.value for event in largest] == pytest.approx(
        stored["value"].to_pylist(), rel=1e-6
    )


# What TRL imports, and what the accelerator says of a machine without one.
@pytest.mark.filterwarnings("ignore")
def test_a_trainer_of_trl(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [{"input_ids": row["input_ids"].tolist()} for row in examples(16)]
    args = SFTConfig(
        output_dir=str(tmp_path / "tuned"),
        max_steps=2,
        per_device_train_batch_size=4,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        bf16=False,
        max_length=32,
        eos_token="w2",
    )
    SFTTrainer(
        make_model("llama"),
        args=args,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[callback()],
    ).train()
    assert _measured(store) == [(step, f"checkpoint-{step}", "tuned") for step in (0, 1, 2)]


class _Stops(TrainerCallback):  # type: ignore[misc]
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 3:
            raise RuntimeError("the training fails")


def test_a_training_that_fails_can_begin_anew(
    tmp_path: Path,
    store: Path,
    make_model: Callable[..., nn.Module],
    tokenizer: PreTrainedTokenizerFast,
    callback: Callable[..., EmbstoreCallback],
) -> None:
    lab = trainer(make_model(), tokenizer, tmp_path / "run", [callback(every=1)])
    lab.add_callback(_Stops())
    with contextlib.suppress(RuntimeError):
        lab.train()
    assert _steps(store) == [0, 1, 2, 3]
    lab.remove_callback(_Stops)
    lab.train()
    assert _steps(store) == [0, 1, 2, 3, 4, 5, 6]
