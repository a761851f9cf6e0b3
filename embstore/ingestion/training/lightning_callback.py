"""Measures a model while Lightning trains it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from torch import nn

from embstore.ingestion.training.alerts import Alert
from embstore.ingestion.training.how import How
from embstore.ingestion.training.live_series import LiveSeries, wish
from embstore.ingestion.training.loggers import of_lightning
from embstore.ingestion.training.schedule import Every

if TYPE_CHECKING:
    from lightning.pytorch import Callback, LightningModule, Trainer
else:
    try:
        from lightning.pytorch import Callback
    except ImportError:
        from pytorch_lightning import Callback


class EmbstoreLightningCallback(Callback):
    """Measures the geometry of the model that Lightning trains, into a store.

    The runs are of the revisions ``checkpoint-STEP``, where a step is one of the optimizer's.
    Training goes on bit for bit as it would without. Some numbers go to the trainer's loggers, by
    names that begin with ``embstore/``.

    As in::

        geometry = EmbstoreLightningCallback(
            tokenizer=tokenizer, name="run-7", store="runs.duckdb", corpus="held-out.txt"
        )
        Trainer(callbacks=[geometry]).fit(module, batches)
    """

    def __init__(
        self,
        *,
        tokenizer: Any,
        corpus: str | Path,
        name: str,
        store: str | Path | None = None,
        every: Every = "log",
        model: Callable[["LightningModule"], nn.Module] | None = None,
        max_overhead: float | None = 0.05,
        alerts: str | Iterable[str] = (),
        on_alert: Callable[[Alert], None] | None = None,
        say: Callable[[str], None] | None = None,
        **how: Unpack[How],
    ) -> None:
        """Check what is asked for; the rest is found out when training begins.

        Args:
            tokenizer: as in ``Recorder``.
            corpus: a text, a data set, ``enwik8``, or a folder of images; best one that the model
                is not trained on.
            name: what the store calls the model.
            store: a DuckDB file, created if missing, or a lake; None for ``EMBSTORE_STORE`` or
                ``embstore.duckdb``.
            every: when to measure: ``log`` for steps 0, 1, 2, 4, 8 and so on, a number N for every
                N steps, or the steps themselves, each time also the last; or ``save`` for whenever
                a checkpoint is saved.
            model: takes the LightningModule and returns what to measure; None for the one model of
                transformers in it.
            max_overhead: leave out measurements that would take more than this share of the time
                so far; None to leave out none. The first is always made.
            alerts: thresholds, as ``mean_cosine > 0.95`` or ``effective_rank@all < 10``.
            on_alert: called with an ``Alert`` when a layer's number crosses one.
            say: called with one line for each measurement; None for standard error.
            how: further options, each as in ``embstore.ingest``.

        Raises:
            UsageError: a value will not do; says which and why.
        """
        super().__init__()
        self._wish = wish(
            corpus=corpus,
            store=store,
            every=every,
            name=name,
            max_overhead=max_overhead,
            alerts=alerts,
            on_alert=on_alert,
            say=say,
            how=how,
        )
        self._tokenizer = tokenizer
        self._model = model
        self._series: LiveSeries | None = None

    def on_train_start(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Draw the tokens, and measure the model as it is if that is due.

        Raises:
            EmbstoreError: the model cannot be measured, or something asked for cannot be used.
        """
        self._close()
        self._series = LiveSeries(
            self._wish,
            pl_module if self._model is None else self._model(pl_module),
            self._tokenizer,
            name=str(self._wish.name),
            loggers=lambda: of_lightning(trainer.loggers),
            writes_models=False,
        )
        self._series.at_step(trainer.global_step)

    def on_train_batch_end(
        self,
        trainer: "Trainer",
        pl_module: "LightningModule",
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Measure after a batch that ended a step."""
        del pl_module, outputs, batch, batch_idx
        if self._series is not None:
            self._series.at_step(trainer.global_step)

    def on_save_checkpoint(
        self, trainer: "Trainer", pl_module: "LightningModule", checkpoint: dict[str, Any]
    ) -> None:
        """Measure what is being saved, where that is asked for."""
        del pl_module, checkpoint
        if self._series is not None:
            self._series.at_save(trainer.global_step, None)

    def on_train_end(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Measure where the training ended."""
        del pl_module
        if self._series is not None:
            self._series.at_step(trainer.global_step, last=True)
        self._close()

    def on_exception(
        self, trainer: "Trainer", pl_module: "LightningModule", exception: BaseException
    ) -> None:
        """Close: what was measured is stored."""
        del trainer, pl_module, exception
        # The other processes may never come here, so nothing is waited for.
        self._series = None

    def _close(self) -> None:
        if self._series is not None:
            self._series.close()
            self._series = None
