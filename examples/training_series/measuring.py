"""Measuring a series live and from its folders, and what else the store is told of its runs."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import embstore
from embstore.callback import EmbstoreCallback
from embstore.choices import TOKEN_SCOPES
from examples.training_series.plan import Plan


def live_callback(plan: Plan, seed: int, corpus: Path, store: Path) -> EmbstoreCallback:
    """Return what measures one training while it runs, at every step that is saved.

    Measurements may take as long as they do: for so small a model five of a hundred seconds, which
    is the callback's own limit, would leave out most of the early steps.
    """
    return EmbstoreCallback(
        corpus=corpus,
        store=store,
        every=list(plan.steps_of(seed)),
        max_overhead=None,
        tokens=plan.tokens,
        window=plan.window,
        sample=plan.sample,
        scopes=TOKEN_SCOPES,
        metrics=plan.metrics,
    )


def timed(callback: EmbstoreCallback, note: Callable[[float], None]) -> EmbstoreCallback:
    """Tell ``note`` the seconds of everything the Trainer asks of a callback."""
    for event in ("on_train_begin", "on_step_end", "on_save", "on_train_end"):
        setattr(callback, event, _timed(getattr(callback, event), note))
    return callback


def _timed(answer: Callable[..., object], note: Callable[[float], None]) -> Callable[..., object]:
    def answer_and_note(*given: object, **more: object) -> object:
        begun = time.perf_counter()
        try:
            return answer(*given, **more)
        finally:
            note(time.perf_counter() - begun)

    return answer_and_note


def measure_saved(plan: Plan, folder: Path, corpus: Path, store: Path) -> None:
    """Measure the checkpoints in a folder, as ``embstore ingest`` would.

    Raises:
        EmbstoreError: as ``embstore.ingest``.
    """
    embstore.ingest(
        folder,
        corpus=corpus,
        store=store,
        tokens=plan.tokens,
        window=plan.window,
        sample=plan.sample,
        scopes=TOKEN_SCOPES,
        metrics=plan.metrics,
    )


def tag_runs(store: Path, model: str, key: str, values: Mapping[int, float]) -> None:
    """Give the runs of a model a number of their own, by step, for this example's questions."""
    opened = embstore.open(store)
    runs = opened.sql("SELECT run_id, step FROM latest_run WHERE model = $model", model=model)
    for run in runs.to_pylist():
        opened.tag(run["run_id"], {key: f"{values[run['step']]:.6f}"})
