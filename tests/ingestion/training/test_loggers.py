"""What reaches loggers; those that are not installed here have stand-ins of their interface."""

import logging
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from embstore.ingestion.training.loggers import Loggers, of_lightning, of_trainer

SCALARS = {"embstore/anisotropy/largest": 0.5, "embstore/seconds": 2.0}


class Strict:
    """A logger that refuses a step older than its last, as Weights & Biases drops it."""

    def __init__(self) -> None:
        self.last = 0
        self.got: list[tuple[Mapping[str, float], int]] = []
        self.axes: list[tuple[str, str]] = []

    def define_metric(self, names: str, *, step_metric: str) -> None:
        self.axes.append((names, step_metric))

    def log(self, numbers: Mapping[str, float], step: int | None = None) -> None:
        step = self.last + 1 if step is None else step
        assert step >= self.last
        self.last = step
        self.got.append((numbers, step))


def test_weights_and_biases_gets_a_step_axis_of_embstores_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Strict()
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=run, log=run.log))
    loggers = of_trainer(["wandb"], "out")
    # The training has logged its step 500 by now.
    run.log({"loss": 1.0}, step=500)
    loggers.send(8, SCALARS)
    assert run.got[1:] == [({**SCALARS, "embstore/step": 8}, 501)]
    assert run.axes == [("embstore/*", "embstore/step")]


def test_without_a_run_weights_and_biases_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise AssertionError("logged")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=None, log=refuse))
    of_trainer(["wandb"], "out").send(8, SCALARS)


def test_mlflow_gets_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[tuple[Mapping[str, float], int]] = []
    stand_in = SimpleNamespace(
        active_run=lambda: object(), log_metrics=lambda numbers, step: got.append((numbers, step))
    )
    monkeypatch.setitem(sys.modules, "mlflow", stand_in)
    of_trainer(["mlflow"], "out").send(8, SCALARS)
    assert got == [(SCALARS, 8)]


def test_trackio_gets_the_step_as_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Strict()
    monkeypatch.setitem(sys.modules, "trackio", SimpleNamespace(log=run.log))
    of_trainer(["trackio"], "out").send(8, SCALARS)
    assert run.got == [({**SCALARS, "embstore/step": 8}, 1)]


def test_a_logger_that_fails_is_told_of_once_and_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    got: list[int] = []

    def fail(_step: int, _scalars: Mapping[str, float]) -> None:
        raise ConnectionError("no route to host")

    loggers = Loggers({"far": fail, "near": lambda step, _scalars: got.append(step)})
    with caplog.at_level(logging.WARNING):
        loggers.send(1, SCALARS)
        loggers.send(2, SCALARS)
    assert got == [1, 2]
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == (
        "far takes no numbers of embstore any more: no route to host; they are in the store all "
        "the same"
    )


def test_nothing_measured_is_nothing_sent() -> None:
    sent: list[int] = []
    Loggers({"one": lambda step, _scalars: sent.append(step)}).send(1, {})
    assert not sent


def test_loggers_that_embstore_does_not_know_are_left_alone() -> None:
    of_trainer(["comet_ml", "none"], "out").send(1, SCALARS)


def test_loggers_of_lightning_get_the_step() -> None:
    got: list[tuple[Mapping[str, float], int]] = []

    class CSVLogger:
        def log_metrics(self, numbers: Mapping[str, float], step: int) -> None:
            got.append((numbers, step))

    run = Strict()
    run.last = 500

    class WandbLogger:
        experiment: Any = run

    of_lightning([CSVLogger(), WandbLogger(), CSVLogger()]).send(8, SCALARS)
    assert got == [(SCALARS, 8)] * 2
    assert run.got == [({**SCALARS, "embstore/step": 8}, 501)]
