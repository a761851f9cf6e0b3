"""A training goes on whatever becomes of its measurements, and does not begin with a wrong wish."""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import Trainer, TrainerCallback

import embstore
from embstore.callback import EmbstoreCallback
from embstore.errors import CorpusError, StoreError, UsageError
from embstore.ingestion.training.of_transformers import OfTransformers
from embstore.store import spool
from tests.holding import held
from tests.ingestion.training.trainings import measured, steps_of

# The Trainer saves its random states in a way that it says it will change.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning")]


def test_cost_is_capped(
    store: Path,
    callback: Callable[..., EmbstoreCallback],
    training: Callable[..., Trainer],
) -> None:
    # Six steps of a tiny model take less than one measurement.
    geometry = callback(every=1, max_overhead=0.01)
    training("run", [geometry]).train()
    assert steps_of(store) == [0]


def test_a_locked_store_lets_training_go_on(
    store: Path,
    callback: Callable[..., EmbstoreCallback],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    training: Callable[..., Trainer],
) -> None:
    monkeypatch.setattr("embstore.ingestion.training.recorder._PATIENCE", 0.1)
    training("a", [callback(every=[0])], max_steps=1).train()
    caplog.clear()
    with held(store), caplog.at_level(logging.WARNING, "embstore"):
        training("run", [callback(every="save")]).train()
    told = [r.getMessage() for r in caplog.records if r.name.startswith("embstore")]
    assert len(told) == 1
    assert "not stored" in told[0]
    assert "ingest --spool" in told[0]
    folder = store.with_name("runs.duckdb.spool")
    assert len(list(folder.iterdir())) == 3
    # The next success takes them in.
    training("b", [callback(every=[0])], max_steps=1).train()
    assert [m for m in measured(store) if m[2] == "run"] == [
        (step, f"checkpoint-{step}", "run") for step in (2, 4, 6)
    ]
    assert not folder.exists()


def test_what_is_kept_can_be_taken_in_by_hand(
    store: Path,
    callback: Callable[..., EmbstoreCallback],
    monkeypatch: pytest.MonkeyPatch,
    training: Callable[..., Trainer],
) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(spool, "write_run", full)
        geometry = callback(every="save")
        training("run", [geometry]).train()
    assert not store.exists()
    embstore.take_in(store.with_name("runs.duckdb.spool"), store=store)
    assert steps_of(store) == [2, 4, 6]


def test_a_full_disk_is_told_once(
    callback: Callable[..., EmbstoreCallback],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    training: Callable[..., Trainer],
) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    def refuse(*_args: object, **_options: object) -> None:
        raise StoreError("runs.duckdb could not be written (no space left on device)")

    monkeypatch.setattr(spool, "write_run", refuse)
    monkeypatch.setattr(spool, "write_durably", full)
    lab = training("run", [callback(every=1)])
    assert lab.train().global_step == 6
    told = [r.getMessage() for r in caplog.records if r.name.startswith("embstore")]
    assert sum("no space left" in line for line in told) == 1
    assert told[-1] == "7 measurements failed in all"


def test_a_failing_measurement_is_told_once(
    callback: Callable[..., EmbstoreCallback],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    training: Callable[..., Trainer],
) -> None:
    free = iter(range(7, 0, -1))

    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError(f"out of memory, {next(free)} GiB are free")

    monkeypatch.setattr(OfTransformers, "measure", fail)
    lab = training("run", [callback(every=1)])
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
    callback: Callable[..., EmbstoreCallback],
    training: Callable[..., Trainer],
) -> None:
    lab = training(
        "run",
    )
    with pytest.raises(error, match=message):  # noqa: PT012 - either may find it
        lab.add_callback(callback(**options))
        lab.train()
    assert lab.state.global_step == 0


def test_an_unknown_option_is_refused(callback: Callable[..., EmbstoreCallback]) -> None:
    with pytest.raises(TypeError, match="tokns"):
        callback(tokns=5)


def test_an_alert_is_given_when_a_threshold_is_crossed(
    callback: Callable[..., EmbstoreCallback],
    lines: list[str],
    training: Callable[..., Trainer],
) -> None:
    given: list[object] = []

    def note(alert: object) -> None:
        given.append(alert)
        raise ValueError("what a user's function may do")

    geometry = callback(
        every=2, alerts=["anisotropy@all > 0", "mle < 0"], on_alert=note, say=lines.append
    )
    lab = training("run", [geometry])
    assert lab.train().global_step == 6
    # Every layer once, at the first step, and not again while it stays beyond.
    assert [str(alert) for alert in given] == [
        line.removeprefix("alert, ") for line in lines if line.startswith("alert")
    ]
    assert len(given) == 5
    assert str(given[0]).startswith("step 0: anisotropy@all of decoder layer 0 is ")


class _Stops(TrainerCallback):  # type: ignore[misc]
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 3:
            raise RuntimeError("the training fails")


def test_a_training_that_fails_can_begin_anew(
    store: Path,
    callback: Callable[..., EmbstoreCallback],
    training: Callable[..., Trainer],
) -> None:
    lab = training("run", [callback(every=1)])
    lab.add_callback(_Stops())
    with contextlib.suppress(RuntimeError):
        lab.train()
    assert steps_of(store) == [0, 1, 2, 3]
    lab.remove_callback(_Stops)
    lab.train()
    assert steps_of(store) == [0, 1, 2, 3, 4, 5, 6]
