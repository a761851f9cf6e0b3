"""A training measured at the steps of a schedule, by the first of its processes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import nn

from embstore.errors import UsageError
from embstore.ingestion.training.alerts import Alert, Guard
from embstore.ingestion.training.budget import Budget
from embstore.ingestion.training.how import How, settings_of
from embstore.ingestion.training.loggers import Loggers
from embstore.ingestion.training.ranks import Ranks
from embstore.ingestion.training.recorder import Recorder
from embstore.ingestion.training.schedule import Every, Schedule, parse_schedule
from embstore.models.live import spread_by


@dataclass(frozen=True)
class Wish:
    """What a callback is asked for before there is a model.

    Attributes:
        corpus: what is fed.
        store: where numbers go.
        schedule: when to measure.
        name: what the store calls the model; None for what the training calls its folder.
        max_overhead: the most that measuring may take of the time.
        alerts: thresholds.
        on_alert: called when one is crossed.
        say: called with one line for each measurement.
        how: how to measure.
    """

    corpus: str | Path
    store: str | Path | None
    schedule: Schedule
    name: str | None
    max_overhead: float | None
    alerts: tuple[str, ...]
    on_alert: Callable[[Alert], None] | None
    say: Callable[[str], None] | None
    how: How


def wish(
    *,
    corpus: str | Path,
    store: str | Path | None,
    every: Every,
    name: str | None,
    max_overhead: float | None,
    alerts: str | Iterable[str],
    on_alert: Callable[[Alert], None] | None,
    say: Callable[[str], None] | None,
    how: How,
) -> Wish:
    """Check what a callback is asked for.

    Raises:
        UsageError: a value will not do; says which and why.
        TypeError: an option of ``how`` that there is not.
    """
    # Each training asks for the same again, so nothing may be used up.
    thresholds = (alerts,) if isinstance(alerts, str) else tuple(alerts)
    lasting = cast("How", {key: _lasting(value) for key, value in how.items()})
    settings = settings_of(**lasting)
    Guard(thresholds).check_measured(settings.metrics, settings.scopes)
    Budget(max_overhead)
    return Wish(
        corpus, store, parse_schedule(every), name, max_overhead, thresholds, on_alert, say, lasting
    )


def _lasting(value: object) -> object:
    return tuple(value) if isinstance(value, Iterator) else value


class LiveSeries:
    """The measurements of one training; one of these is in each of its processes.

    What is called here must be called in all processes at the same steps, as trainers do: the
    first measures, and the others wait for it.
    """

    def __init__(
        self,
        wish: Wish,
        model: nn.Module,
        processor: Any,
        *,
        name: str,
        loggers: Callable[[], Loggers],
        writes_models: bool,
    ) -> None:
        """Find out what is to be measured, before the training begins.

        Args:
            wish: what is asked for.
            model: the model, wrapped or not.
            processor: its tokenizer or image processor.
            name: what the training is called.
            loggers: makes what numbers are sent to.
            writes_models: whether its checkpoints are folders of transformers.

        Raises:
            EmbstoreError: it cannot be measured; raised in every process.
        """
        self._schedule = wish.schedule
        kind = spread_by(model)
        if kind and not (wish.schedule.on_save and writes_models):
            advice = (
                "measure its checkpoints as they are saved, with every='save'"
                if writes_models
                else "save it whole with save_pretrained, and measure that with embstore.ingest"
            )
            raise UsageError(
                f"the model is spread over processes by {kind}, so that none of them has the whole "
                f"of it: {advice}"
            )
        self._last: int | None = None
        self._ranks = Ranks()
        self._recorder: Recorder | None = None
        self._loggers = Loggers({})

        def open_recorder() -> None:
            self._recorder = Recorder(
                model,
                processor,
                corpus=wish.corpus,
                name=wish.name or name,
                store=wish.store,
                max_overhead=wish.max_overhead,
                alerts=wish.alerts,
                on_alert=wish.on_alert,
                say=wish.say,
                **wish.how,
            )
            self._loggers = loggers()

        self._ranks.first_does(open_recorder)

    def at_step(self, step: int, *, tokens_seen: int | None = None, last: bool = False) -> None:
        """Measure after a step if it is due, or the last.

        Args:
            step: how many optimizer steps were taken.
            tokens_seen: how many tokens were trained on, where known.
            last: whether the training ends with it.
        """
        if not self._schedule.on_save and (last or self._schedule.is_due(step)):
            self._measure(step, tokens_seen, None)

    def at_save(self, step: int, folder: Path | None, *, tokens_seen: int | None = None) -> None:
        """Measure when a checkpoint is written, if that is asked for or the step is due.

        Args:
            step: how many optimizer steps were taken.
            folder: where the checkpoint is; None if it is none of transformers.
            tokens_seen: how many tokens were trained on, where known.
        """
        if self._schedule.on_save or self._schedule.is_due(step):
            self._measure(step, tokens_seen, folder)

    def close(self) -> None:
        """End: no more is measured."""
        if self._recorder is not None:
            self._recorder.close()
        self._ranks.close()

    def _measure(self, step: int, tokens_seen: int | None, folder: Path | None) -> None:
        if step == self._last:
            return
        self._last = step
        self._ranks.first_does(lambda: self._record(step, tokens_seen, folder))

    def _record(self, step: int, tokens_seen: int | None, folder: Path | None) -> None:
        if self._recorder is not None:
            recorded = self._recorder.measure(step, tokens_seen=tokens_seen, folder=folder)
            self._loggers.send(step, recorded.scalars)
