"""Sends numbers to the loggers that a training has, with a step axis of their own.

A training goes on while it is measured, and some loggers refuse a step older than the last; so the
step is one of the numbers where the logger can take it for the axis. None of them is a dependency:
what a training does not use is not imported.
"""

import importlib
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from embstore.common.messages import one_line

_LOG = logging.getLogger(__name__)

STEP = "embstore/step"

Scalars = Mapping[str, float]
Sink = Callable[[int, Scalars], None]


class Loggers:
    """The loggers of a training, each of which may fail without harm."""

    def __init__(self, sinks: Mapping[str, Sink]) -> None:
        """Take what sends to each, by its name."""
        self._sinks = dict(sinks)

    def send(self, step: int, scalars: Scalars) -> None:
        """Send numbers to all of them; one that fails is told of, and left out from then on."""
        for name, sink in list(self._sinks.items()):
            if not scalars:
                return
            try:
                sink(step, scalars)
            except Exception as error:
                del self._sinks[name]
                _LOG.warning(
                    "%s takes no numbers of embstore any more: %s; they are in the store all the "
                    "same",
                    name,
                    one_line(error),
                )


def of_trainer(report_to: Iterable[str], output_dir: str) -> Loggers:
    """Return the loggers that a Trainer reports to, as far as embstore knows them.

    Args:
        report_to: their names, of the training's arguments.
        output_dir: the training's folder, in which TensorBoard's files are.
    """
    known: dict[str, Callable[[], Sink]] = {
        "tensorboard": lambda: _tensorboard(output_dir),
        "wandb": lambda: _wandb,
        "mlflow": lambda: _mlflow,
        "trackio": lambda: _trackio,
    }
    return Loggers({name: known[name]() for name in report_to if name in known})


def of_lightning(loggers: Iterable[object]) -> Loggers:
    """Return the loggers of a Trainer of Lightning."""
    return Loggers({f"{type(it).__name__} {i}": _lightning(it) for i, it in enumerate(loggers)})


def _tensorboard(output_dir: str) -> Sink:
    writer: list[Any] = []

    def send(step: int, scalars: Scalars) -> None:
        if not writer:
            kind = importlib.import_module("torch.utils.tensorboard").SummaryWriter
            writer.append(kind(log_dir=str(_events_folder(output_dir))))
        for name, value in scalars.items():
            writer[0].add_scalar(name, value, step)
        writer[0].flush()

    return send


def _events_folder(output_dir: str) -> Path:
    """Return where the training's own events go: into the folder that was written to last."""
    named = os.environ.get("TENSORBOARD_LOGGING_DIR")
    top = Path(named).expanduser() if named else Path(output_dir) / "runs"
    events = [(file.stat().st_mtime, file.parent) for file in top.rglob("events.out.tfevents.*")]
    return max(events)[1] if events else top


def _wandb(step: int, scalars: Scalars) -> None:
    wandb = importlib.import_module("wandb")
    if wandb.run is None:
        return
    wandb.run.define_metric("embstore/*", step_metric=STEP)
    wandb.log({**scalars, STEP: step})


def _mlflow(step: int, scalars: Scalars) -> None:
    mlflow = importlib.import_module("mlflow")
    if mlflow.active_run() is not None:
        mlflow.log_metrics(dict(scalars), step=step)


def _trackio(step: int, scalars: Scalars) -> None:
    importlib.import_module("trackio").log({**scalars, STEP: step})


def _lightning(logger: Any) -> Sink:
    def send(step: int, scalars: Scalars) -> None:
        # Weights & Biases takes its axis from the numbers, and no step older than its last.
        if type(logger).__name__ == "WandbLogger":
            logger.experiment.define_metric("embstore/*", step_metric=STEP)
            logger.experiment.log({**scalars, STEP: step})
        else:
            logger.log_metrics(dict(scalars), step=step)

    return send
