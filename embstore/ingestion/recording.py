"""Has one checkpoint measured and stores it: the one place where compute meets the store.

A run is written in one transaction after it is complete, so an interrupted ingest leaves
the store as it was.
"""

import time
from dataclasses import replace
from functools import partial

from embstore.checkpoints.located import Located
from embstore.ingestion.completing import completed, whole_cost
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
from embstore.store import ids
from embstore.store.empty_layers import empty_layers_of
from embstore.types import Measured, Run


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
    seconds = planned.seconds + prepared.load_seconds + result.seconds
    began = time.perf_counter() - seconds
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
        repeat=planned.n_stored,
        tags=settings.tags,
        study=settings.study,
    )
    progress("store", 0, 1)
    kept = storing.store(run, wait=partial(progress, "wait", 0, 1))
    progress("store", 1, 1)
    known = (layer.neighbor_recall for layer in measured.layers)
    return located, Outcome(
        model=located.name,
        revision=located.checkpoint.revision,
        status="kept" if kept else "measured",
        run_id=None if kept else ids.run_id_of(run),
        n_tokens=planned.windows.n_tokens,
        seconds=time.perf_counter() - began,
        least_recall=min((share for share in known if share is not None), default=None),
        added=task.added,
        completes=task.stored.run_id if task.stored else None,
        empty=None if kept else empty_layers_of(run),
        file=kept.file if kept else None,
        reason=kept.reason if kept else None,
    )


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
