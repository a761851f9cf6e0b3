"""Measures one checkpoint and stores it: the one place where compute meets the store.

A run is written in one transaction after it is complete, so an interrupted ingest leaves
the store as it was.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from embstore.common.allocator import keep_freed_memory
from embstore.common.workers import ahead
from embstore.ingestion.completing import completed, whole_cost
from embstore.ingestion.outcome import Outcome
from embstore.ingestion.plan import Plan
from embstore.ingestion.prefetch import Prepared
from embstore.ingestion.provenance import collect
from embstore.ingestion.request import Settings
from embstore.ingestion.resources import Resources
from embstore.inputs.image_windows import ImageWindows
from embstore.inputs.text_windows import Windows
from embstore.measuring.checkpoint import ACCUMULATION_DTYPE, Choice, Progress, measure_batches
from embstore.models.hidden_states import HiddenBatch, default_batch_size, hidden_batches
from embstore.models.load import read_weights
from embstore.models.loaded import LoadedModel, examine
from embstore.store import ids
from embstore.store.spool import store_or_keep
from embstore.types import Measured, Run


def measure_and_store(
    prepared: Prepared, planned: Plan, resources: Resources, settings: Settings, progress: Progress
) -> Outcome:
    """Load the weights, measure and store.

    A run that cannot be stored is kept in a file.

    Raises:
        StoreError: the run could be neither stored nor kept.
    """
    began = time.perf_counter() - planned.seconds - prepared.load_seconds
    keep_freed_memory()
    located, config = planned.model.located, planned.model.config
    weights = prepared.weights or read_weights(
        located, config, device=resources.device, dtype=resources.dtype
    )
    model = examine(weights, located, config, context=planned.model.context)
    batch_size = settings.batch_size or default_batch_size(model, planned.windows.window)
    task = planned.task
    # Read before the work: what the new run goes on from may be gone afterwards.
    stored = resources.stored.numbers(task.stored.run_id) if task.stored and task.added else None
    if task.added and stored is None:
        # So that no number goes out of sight, all of it is measured.
        task = replace(task, measured=task.selection)
    choice = Choice(
        task.scopes,
        task.measured,
        device=str(resources.device),
        seed=settings.sampling.seed,
    )
    with _batches(model, planned.windows, batch_size) as batches:
        measured = measure_batches(
            batches,
            planned.positions,
            choice,
            progress=_with_total(progress, planned.windows),
        )
    measured = _with_words(measured, planned)
    if stored is not None:
        measured = completed(measured, stored, task)
    provenance = collect(
        measured,
        device=str(resources.device),
        attention=model.attention,
        linear=model.linear,
        accumulation_dtype=ACCUMULATION_DTYPE,
        batch_size=batch_size,
        seconds=time.perf_counter() - began,
    )
    if stored is not None:
        provenance = whole_cost(provenance, stored.spent)
    run = Run(
        model=model.facts,
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
    kept = store_or_keep(resources.database, run, wait=partial(progress, "wait", 0, 1))
    progress("store", 1, 1)
    known = (layer.neighbor_recall for layer in measured.layers)
    return Outcome(
        model=located.name,
        revision=located.checkpoint.revision,
        status="kept" if kept else "measured",
        run_id=None if kept else ids.run_id_of(run),
        n_tokens=planned.windows.n_tokens,
        seconds=time.perf_counter() - began,
        least_recall=min((share for share in known if share is not None), default=None),
        added=task.added,
        completes=task.stored.run_id if task.stored else None,
        file=kept.file if kept else None,
        reason=kept.reason if kept else None,
    )


@contextlib.contextmanager
def _batches(
    model: LoadedModel, windows: Windows | ImageWindows, batch_size: int
) -> Iterator[Iterator[HiddenBatch]]:
    """Run the model; an accelerator is one batch ahead of the CPU, which measures.

    On a CPU both want the same cores, and taking turns is faster.
    """
    batches = hidden_batches(model, windows, batch_size=batch_size)
    if model.device.type == "cpu":
        yield batches
        return
    with contextlib.closing(ahead(batches)) as made:
        yield made


def _with_words(measured: Measured, planned: Plan) -> Measured:
    """Add the text of the tokens that have massive activations."""
    tokenizer = planned.model.tokenizer
    if tokenizer is None:
        return measured
    words = {m.token_id: tokenizer.decode([m.token_id]) for m in measured.massive}
    massive = tuple(replace(m, token=words[m.token_id]) for m in measured.massive)
    return replace(measured, massive=massive)


def _with_total(progress: Progress, windows: Windows | ImageWindows) -> Progress:
    """Add the total that measuring a stream of batches cannot know."""

    def report(stage: str, done: int, total: int) -> None:
        progress(stage, done, windows.n_tokens if stage == "forward" else total)

    return report
