"""Measures models over a text into a store, and skips what is stored.

The one place where compute meets the store. Everything that can be wrong with the
input is found before the weights are loaded; a run is written in one transaction
after it is complete, so an interrupted ingest leaves the store as it was.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from embstore.allocator import keep_freed_memory
from embstore.hidden_states import HiddenBatch, default_batch_size, hidden_batches
from embstore.measuring import ACCUMULATION_DTYPE, Choice, Progress, measure_batches
from embstore.models import LoadedModel, load_model
from embstore.parallel import ahead
from embstore.planning import Plan, Request, Settings, Sources, open_sources, plan
from embstore.provenance import collect
from embstore.store.writing import write_run
from embstore.tokens import Windows
from embstore.types import Measured, Run

__all__ = ["Outcome", "Request", "Settings", "ingest"]


@dataclass(frozen=True)
class Outcome:
    """What became of one model: ``measured`` now, or ``stored`` before.

    ``least_recall`` is the worst layer's share of true neighbours that the search found,
    1 where it is exact; None where nothing was measured.
    """

    model: str
    revision: str
    run_id: str
    status: Literal["measured", "stored"]
    n_tokens: int
    seconds: float
    least_recall: float | None = None


def ingest(
    models: Sequence[Request],
    corpus: str | Path,
    store: str | Path | None,
    settings: Settings,
    *,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Iterator[Outcome]:
    """Measure models over a corpus into a store, one after the other.

    Args:
        models: which, in this order.
        corpus: a text source.
        store: the store's URL or path; created if it does not exist.
        settings: how to measure.
        progress: called as (stage, done, total) while a model is being measured;
            stage ``model`` names, by index, the model that begins.

    Yields:
        One outcome per model, as soon as it is stored.

    Raises:
        EmbstoreError: a model, the corpus, an option or the store cannot be used.
            Models already yielded are stored.
    """
    with open_sources(models, corpus, store, settings) as sources:
        for index, located in enumerate(sources.models):
            progress("model", index, len(sources.models))
            planned = plan(located, sources, settings)
            if run_id := planned.stored_run(settings):
                yield _outcome(planned, run_id, "stored", planned.seconds)
            else:
                yield _measure(planned, sources, settings, progress)


def _measure(planned: Plan, sources: Sources, settings: Settings, progress: Progress) -> Outcome:
    """Load the weights, measure and store."""
    began = time.perf_counter() - planned.seconds
    keep_freed_memory()
    model = load_model(
        planned.model.located,
        planned.model.config,
        device=sources.device,
        dtype=sources.dtype,
        context=planned.model.context,
    )
    batch_size = settings.batch_size or default_batch_size(model, planned.windows.window)
    choice = Choice(
        settings.scopes,
        settings.pairs,
        device=str(sources.device),
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
    provenance = collect(
        measured,
        device=str(sources.device),
        attention=model.attention,
        linear=model.linear,
        accumulation_dtype=ACCUMULATION_DTYPE,
        batch_size=batch_size,
        seconds=time.perf_counter() - began,
    )
    run = Run(
        model=model.facts,
        checkpoint=planned.model.located.checkpoint,
        corpus=planned.corpus,
        configuration=planned.configuration,
        provenance=provenance,
        measured=measured,
        metrics=planned.metrics,
        repeat=planned.n_stored,
        tags=settings.tags,
    )
    run_id = write_run(sources.database, run)
    known = (layer.neighbor_recall for layer in measured.layers)
    recall = min((share for share in known if share is not None), default=None)
    return _outcome(planned, run_id, "measured", time.perf_counter() - began, recall)


def _outcome(
    planned: Plan,
    run_id: str,
    status: Literal["measured", "stored"],
    seconds: float,
    least_recall: float | None = None,
) -> Outcome:
    located = planned.model.located
    return Outcome(
        model=located.name,
        revision=located.checkpoint.revision,
        run_id=run_id,
        status=status,
        n_tokens=planned.windows.n_tokens,
        seconds=seconds,
        least_recall=least_recall,
    )


@contextlib.contextmanager
def _batches(
    model: LoadedModel, windows: Windows, batch_size: int
) -> Iterator[Iterator[HiddenBatch]]:
    """Run the model; an accelerator is one batch ahead of the CPU, which measures.

    On a CPU both want the same cores, and taking turns is faster.
    """
    batches = hidden_batches(model, windows.ids, windows.attention_mask, batch_size=batch_size)
    if model.device.type == "cpu":
        yield batches
        return
    with contextlib.closing(ahead(batches)) as made:
        yield made


def _with_words(measured: Measured, planned: Plan) -> Measured:
    """Add the text of the tokens that have massive activations."""
    tokenizer = planned.model.tokenizer
    words = {m.token_id: tokenizer.decode([m.token_id]) for m in measured.massive}
    massive = tuple(replace(m, token=words[m.token_id]) for m in measured.massive)
    return replace(measured, massive=massive)


def _with_total(progress: Progress, windows: Windows) -> Progress:
    """Add the total that measuring a stream of batches cannot know."""

    def report(stage: str, done: int, total: int) -> None:
        progress(stage, done, windows.n_tokens if stage == "forward" else total)

    return report
