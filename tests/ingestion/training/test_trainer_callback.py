"""The callback in the Trainer of transformers, and in one of TRL."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import PreTrainedTokenizerFast, Trainer, TrainerState
from transformers.trainer_utils import get_last_checkpoint

import embstore
from embstore.callback import EmbstoreCallback
from embstore.errors import UsageError
from embstore.ingestion.training.how import How
from tests.ingestion.training.trainings import examples, measured, steps_of, trainer

# The Trainer saves its random states in a way that it says it will change.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning")]


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
    callback: Callable[..., EmbstoreCallback],
    lines: list[str],
    training: Callable[..., Trainer],
) -> None:
    training(
        "without",
    ).train()
    geometry = callback(say=lines.append)
    training("lab/run-7", [geometry]).train()
    for step in (2, 4, 6):
        one, other = (
            _saved(tmp_path / folder / f"checkpoint-{step}") for folder in ("without", "lab/run-7")
        )
        assert one == other
    expected = [(step, f"checkpoint-{step}", "run-7") for step in (0, 1, 2, 4, 6)]
    assert measured(store) == expected
    assert [line.partition(":")[0] for line in lines] == [f"step {s}" for s in (0, 1, 2, 4, 6)]
    assert all(" s, " in line and "% of the time so far" in line for line in lines)
    outcomes = embstore.ingest(tmp_path / "lab" / "run-7", corpus=text, store=store, **how)
    assert [outcome.status for outcome in outcomes] == ["stored"] * 3


def test_a_resumed_training_goes_on_with_its_series(
    tmp_path: Path,
    store: Path,
    callback: Callable[..., EmbstoreCallback],
    lines: list[str],
    training: Callable[..., Trainer],
) -> None:
    output = tmp_path / "run"
    training(output, [callback(every=2)], max_steps=4).train()
    assert steps_of(store) == [0, 2, 4]
    again = training(output, [callback(every=2, say=lines.append)])
    again.train(resume_from_checkpoint=get_last_checkpoint(str(output)))
    assert steps_of(store) == [0, 2, 4, 6]
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
    store: Path,
    callback: Callable[..., EmbstoreCallback],
    training: Callable[..., Trainer],
) -> None:
    training("run", [callback(every=every)]).train()
    assert steps_of(store) == steps


def test_saving_at_the_end_of_an_epoch(
    store: Path,
    callback: Callable[..., EmbstoreCallback],
    training: Callable[..., Trainer],
) -> None:
    lab = training(
        "run",
        [callback(every="save")],
        max_steps=-1,
        num_train_epochs=2,
        per_device_train_batch_size=32,
        save_strategy="epoch",
    )
    lab.train()
    assert steps_of(store) == [2, 4]


def test_the_last_step_is_not_the_best_model_of_before(
    tmp_path: Path,
    store: Path,
    text: Path,
    how: How,
    callback: Callable[..., EmbstoreCallback],
    training: Callable[..., Trainer],
) -> None:
    lab = training(
        "run",
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
    assert steps_of(store) == [0, 4, 6]
    outcomes = embstore.ingest(tmp_path / "run", corpus=text, store=store, **how)
    assert [outcome.status for outcome in outcomes] == ["measured", "stored", "stored"]


def test_two_trainings_in_one_store(
    store: Path,
    callback: Callable[..., EmbstoreCallback],
    training: Callable[..., Trainer],
) -> None:
    for name in ("one", "two"):
        geometry = callback(every="save", tags={"lr": name})
        training(name, [geometry], max_steps=2).train()
    assert measured(store) == [(2, "checkpoint-2", "one"), (2, "checkpoint-2", "two")]


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
    assert [model for _, _, model in measured(store)] == found
    checkpoints = embstore.open(store).sql("SELECT DISTINCT weights_sha256 FROM checkpoint")
    assert len(checkpoints) == 2


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
    assert steps_of(store) == [0, 1]


def test_a_callback_serves_again(
    store: Path,
    callback: Callable[..., EmbstoreCallback],
    lines: list[str],
    training: Callable[..., Trainer],
) -> None:
    # What can be read only once is asked for by each training.
    geometry = callback(
        every=[0],
        metrics=iter(["anisotropy"]),
        alerts=iter(["anisotropy@all > 0"]),
        say=lines.append,
    )
    for name in ("one", "two"):
        training(name, [geometry], max_steps=1).train()
    assert measured(store) == [
        (step, f"checkpoint-{step}", name) for step in (0, 1) for name in ("one", "two")
    ]
    assert len([line for line in lines if line.startswith("alert")]) == 10


def test_tensorboard_gets_the_numbers_at_their_steps(
    tmp_path: Path,
    store: Path,
    callback: Callable[..., EmbstoreCallback],
    training: Callable[..., Trainer],
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    output = tmp_path / "run"
    geometry = callback(every=2)
    training(output, [geometry], report_to=["tensorboard"]).train()
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
    assert measured(store) == [(step, f"checkpoint-{step}", "tuned") for step in (0, 1, 2)]
