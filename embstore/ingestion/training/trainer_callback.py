"""Measures a model while the Hugging Face Trainer, or one of TRL, trains it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import transformers

from embstore.errors import UsageError
from embstore.ingestion.training.alerts import Alert
from embstore.ingestion.training.how import How
from embstore.ingestion.training.live_series import LiveSeries, wish
from embstore.ingestion.training.loggers import of_trainer
from embstore.ingestion.training.schedule import Every


class EmbstoreCallback(transformers.TrainerCallback):  # type: ignore[misc]
    """Measures the geometry of the model that a Trainer trains, into a store.

    The runs are those that ``embstore ingest OUTPUT_DIR`` would make of the saved checkpoints: of
    the model that is called as the output folder, at the revisions ``checkpoint-STEP``. Training
    goes on bit for bit as it would without.

    Some numbers go to the Trainer's loggers (TensorBoard, Weights & Biases, MLflow, trackio), by
    names that begin with ``embstore/``. As in::

        geometry = EmbstoreCallback(store="runs.duckdb", corpus="held-out.txt")
        Trainer(model, args, train_dataset=data, callbacks=[geometry]).train()
    """

    def __init__(
        self,
        *,
        corpus: str | Path,
        store: str | Path | None = None,
        every: Every = "log",
        tokenizer: Any = None,
        name: str | None = None,
        max_overhead: float | None = 0.05,
        alerts: str | Iterable[str] = (),
        on_alert: Callable[[Alert], None] | None = None,
        say: Callable[[str], None] | None = None,
        **how: Unpack[How],
    ) -> None:
        """Check what is asked for; the rest is found out when training begins.

        Args:
            corpus: a text, a data set, ``enwik8``, or a folder of images; best one that the model
                is not trained on.
            store: a DuckDB file, created if missing, or a lake; None for ``EMBSTORE_STORE`` or
                ``embstore.duckdb``.
            every: when to measure: ``log`` for steps 0, 1, 2, 4, 8 and so on, a number N for every
                N steps, or the steps themselves, each time also the last; or ``save`` for whenever
                a checkpoint is saved.
            tokenizer: None for the Trainer's ``processing_class``; else a tokenizer, or the folder
                or Hub id of a model that has it.
            name: what the store calls the model; None for the name of the output folder. In a
                search for hyperparameters each trial has a name of its own, such as ``run-0``, or
                ``NAME/run-0``.
            max_overhead: leave out measurements that would take more than this share of the time
                so far; None to leave out none. The first is always made.
            alerts: thresholds, as ``mean_cosine > 0.95`` or ``effective_rank@all < 10``.
            on_alert: called with an ``Alert`` when a layer's number crosses one.
            say: called with one line for each measurement; None for standard error.
            how: ``tokens``, ``window``, ``sample``, ``seed``, ``windows``, ``shuffle``,
                ``batch_size``, ``dtype``, ``scopes``, ``metrics``, ``pairs``, ``intervals``,
                ``head``, ``attention``, ``tags``, ``text_field``, ``allow_pickle`` and
                ``allow_remote_code``, each as in ``embstore.ingest``.

        Raises:
            UsageError: a value will not do; says which and why.
        """
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
        self._series: LiveSeries | None = None
        self._n_trials = 0

    def on_train_begin(
        self,
        args: transformers.TrainingArguments,
        state: transformers.TrainerState,
        control: transformers.TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Draw the tokens, and measure the model as it is if that is due.

        Raises:
            EmbstoreError: the model cannot be measured, or something asked for cannot be used.
        """
        del control
        self._close()
        tokenizer = self._tokenizer if self._tokenizer is not None else kwargs["processing_class"]
        if tokenizer is None:
            raise UsageError(
                "the Trainer has no processing_class, so the callback needs tokenizer=: a "
                "tokenizer, or the folder or Hub id of a model that has it"
            )
        asked, name = self._wish, Path(args.output_dir).resolve().name
        if state.is_hyper_param_search:
            # Each trial is a training of its own, in a folder of its own within the output folder.
            name = state.trial_name or f"run-{self._n_trials}"
            asked = replace(asked, name=f"{asked.name}/{name}" if asked.name else name)
            self._n_trials += 1
        self._series = LiveSeries(
            asked,
            kwargs["model"],
            tokenizer,
            name=name,
            loggers=lambda: of_trainer(args.report_to, args.output_dir),
            writes_models=True,
        )
        self._series.at_step(state.global_step, tokens_seen=_tokens_seen(state))

    def on_step_end(
        self,
        args: transformers.TrainingArguments,
        state: transformers.TrainerState,
        control: transformers.TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Measure after a step, unless its checkpoint is about to be saved."""
        del args, kwargs
        if self._series is not None and not control.should_save:
            # Once more after the end it might be the best model and no longer the last.
            last = state.global_step >= state.max_steps
            self._series.at_step(state.global_step, tokens_seen=_tokens_seen(state), last=last)

    def on_save(
        self,
        args: transformers.TrainingArguments,
        state: transformers.TrainerState,
        control: transformers.TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Measure what was just saved, from the model itself."""
        del control, kwargs
        if self._series is None:
            return
        step = state.global_step
        folder = Path(args.output_dir) / f"checkpoint-{step}"
        # One that a search finds there is of another training: its own are in folders of trials.
        is_new = folder.is_dir() and not state.is_hyper_param_search
        self._series.at_save(step, folder if is_new else None, tokens_seen=_tokens_seen(state))
        self._series.at_step(step, tokens_seen=_tokens_seen(state), last=step >= state.max_steps)

    def on_train_end(
        self,
        args: transformers.TrainingArguments,
        state: transformers.TrainerState,
        control: transformers.TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Measure where the training ended early, and close."""
        del control, kwargs
        if self._series is not None and not args.load_best_model_at_end:
            self._series.at_step(state.global_step, tokens_seen=_tokens_seen(state), last=True)
        self._close()

    def _close(self) -> None:
        if self._series is not None:
            self._series.close()
            self._series = None


def _tokens_seen(state: transformers.TrainerState) -> int | None:
    # The Trainer writes 0 where it does not count.
    return int(state.num_input_tokens_seen) or None
