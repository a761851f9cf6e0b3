"""Has one checkpoint measured and stores it: the one place where compute meets the store.

A run is written in one transaction after it is complete, so an interrupted ingest leaves
the store as it was.
"""

import time
from dataclasses import dataclass, replace
from functools import partial

from embstore.checkpoints.located import Located
from embstore.ingestion.completing import Task, completed, whole_cost
from embstore.ingestion.one_checkpoint import Job, Place
from embstore.ingestion.outcome import Outcome
from embstore.ingestion.plan import Plan
from embstore.ingestion.prefetch import Prepared
from embstore.ingestion.provenance import collect
from embstore.ingestion.request import Settings
from embstore.ingestion.resources import Resources
from embstore.ingestion.storing import Storing
from embstore.measuring.checkpoint import ACCUMULATION_DTYPE, Choice, Progress
from embstore.metrics.selection import Selection
from embstore.store.empty_layers import empty_layers_of, empty_scopes_of
from embstore.store.spool import Kept
from embstore.types import Measured, Run


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """A run that is not stored yet.

    Attributes:
        located: the checkpoint as it was found where it was measured.
        planned: the work.
        task: which part of it was measured now.
        run: all numbers.
        seconds: what it took.
    """

    located: Located
    planned: Plan
    task: Task
    run: Run
    seconds: float

    def outcome(self, stored: str | Kept, *, storing_seconds: float) -> Outcome:
        """Say what became of it.

        Args:
            stored: its id in the store, or where it is if it could not be stored.
            storing_seconds: what storing it took.
        """
        kept = stored if isinstance(stored, Kept) else None
        empty = empty_layers_of(self.run)
        known = (layer.neighbor_recall for layer in self.run.measured.layers)
        return Outcome(
            model=self.located.name,
            revision=self.located.checkpoint.revision,
            status="kept" if kept else "measured",
            shuffle=self.planned.configuration.shuffle,
            run_id=None if isinstance(stored, Kept) else stored,
            n_tokens=self.planned.windows.n_tokens,
            texts=self.planned.windows.texts,
            seconds=self.seconds + storing_seconds,
            least_recall=min((share for share in known if share is not None), default=None),
            added=self.task.added,
            completes=self.task.stored.run_id if self.task.stored else None,
            empty=None if kept else empty,
            empty_scopes=() if empty else empty_scopes_of(self.run),
            file=kept.file if kept else None,
            reason=kept.reason if kept else None,
        )


def measure_and_store(
    prepared: Prepared,
    planned: Plan,
    resources: Resources,
    storing: Storing,
    settings: Settings,
    place: Place,
    progress: Progress,
) -> tuple[Located, Outcome]:
    """Measure what is planned, and store it.

    A run that cannot be stored is kept in a file.

    Returns:
        The checkpoint as it was found where it was measured, and what became of it.

    Raises:
        StoreError: the run could be neither stored nor kept.
    """
    done = measure_planned(
        planned, resources, settings, place, progress, spent=prepared.load_seconds
    )
    began = time.perf_counter()
    progress("store", 0, 1)
    stored = storing.store(done.run, wait=partial(progress, "wait", 0, 1))
    progress("store", 1, 1)
    return done.located, done.outcome(stored, storing_seconds=time.perf_counter() - began)


def measure_planned(
    planned: Plan,
    resources: Resources,
    settings: Settings,
    place: Place,
    progress: Progress,
    *,
    spent: float = 0.0,
) -> MeasuredRun:
    """Measure what is planned, and take what is stored of it from the store.

    Args:
        planned: the work.
        resources: what is read and written.
        settings: how to measure.
        place: where.
        progress: called as (stage, done, total).
        spent: seconds that reading the weights has taken.

    Raises:
        EmbstoreError: the model cannot be loaded or run.
    """
    task = planned.task
    # Read before the work: what the new run goes on from may be gone afterwards.
    stored = resources.stored.numbers(task.stored.run_id) if task.stored and task.added else None
    if task.added and stored is None:
        # So that no number goes out of sight, all of it is measured.
        task = replace(task, measured=task.selection)
    result = place.measure(_job(planned, task.measured, settings, place), progress)
    located = planned.model.located
    if result.checkpoint is not None:
        located = replace(located, checkpoint=result.checkpoint)
    # Without the start of a process, or a wait for another checkpoint.
    seconds = planned.seconds + spent + result.seconds
    measured = _with_words(result.measured, planned)
    if stored is not None:
        measured = completed(measured, stored, task)
    provenance = collect(
        measured,
        device=place.device,
        attention=result.attention,
        linear=result.linear,
        accumulation_dtype=ACCUMULATION_DTYPE,
        batch_size=result.batch_size,
        seconds=seconds,
        peak_memory_bytes=result.peak_memory_bytes,
    )
    if stored is not None:
        provenance = whole_cost(provenance, stored.spent)
    run = Run(
        model=result.model,
        checkpoint=located.checkpoint,
        corpus=planned.corpus,
        configuration=planned.configuration,
        provenance=provenance,
        measured=measured,
        metrics=planned.metrics,
        repeat=planned.repeat,
        tags=settings.tags,
        study=settings.study,
        model_config=planned.model_config,
    )
    return MeasuredRun(located, planned, task, run, seconds)


def _job(planned: Plan, selection: Selection, settings: Settings, place: Place) -> Job:
    return Job(
        located=planned.model.located,
        context=planned.model.context,
        windows=planned.windows,
        positions=planned.positions,
        choice=Choice(
            planned.task.scopes,
            selection,
            device=place.device,
            seed=settings.sampling.seed,
            n_workers=place.n_workers,
        ),
        batch_size=settings.batch_size,
        dtype=settings.dtype,
    )


def _with_words(measured: Measured, planned: Plan) -> Measured:
    """Add the text of the tokens that have massive activations."""
    tokenizer = planned.model.tokenizer
    if tokenizer is None:
        return measured
    words = {m.token_id: tokenizer.decode([m.token_id]) for m in measured.massive}
    massive = tuple(replace(m, token=words[m.token_id]) for m in measured.massive)
    return replace(measured, massive=massive)
