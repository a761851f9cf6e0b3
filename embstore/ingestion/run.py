"""Measures checkpoints over a text into a store, and skips what is stored.

The one place where compute meets the store. Everything that can be wrong with the
input is found before the weights are loaded; a run is written in one transaction
after it is complete, so an interrupted ingest leaves the store as it was.
"""

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from embstore._version import __version__
from embstore.checkpoints.find import label
from embstore.common.allocator import keep_freed_memory
from embstore.common.messages import reason_of
from embstore.common.workers import ahead
from embstore.errors import IngestError, NothingMeasuredError, StoreError
from embstore.ingestion.duplicates import Copies
from embstore.ingestion.plan import Plan, Sources, open_sources
from embstore.ingestion.prefetch import Preparation, Prepared, Trouble
from embstore.ingestion.provenance import collect
from embstore.ingestion.request import Request, Settings
from embstore.inputs.image_windows import ImageWindows
from embstore.inputs.text_windows import Windows
from embstore.measuring.checkpoint import ACCUMULATION_DTYPE, Choice, Progress, measure_batches
from embstore.models.hidden_states import HiddenBatch, default_batch_size, hidden_batches
from embstore.models.load import read_weights
from embstore.models.loaded import LoadedModel, examine
from embstore.store.writing import write_failure, write_run
from embstore.types import Failure, Measured, Run

Begin = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one checkpoint: ``measured`` now, ``stored`` before, or ``failed``.

    Attributes:
        model: its name.
        revision: of it.
        status: what became of it.
        run_id: of the run in the store; None if it failed.
        n_tokens: fed, now or before.
        seconds: what it took.
        least_recall: the worst layer's share of true neighbours that the search found, 1
            where it is exact; None where nothing was measured.
        duplicate_of: the revision of the same model that has the same weights, if any.
        stage: how far a failed one came.
        reason: why it failed, one line.
    """

    model: str
    revision: str
    status: Literal["measured", "stored", "failed"]
    run_id: str | None = None
    n_tokens: int = 0
    seconds: float = 0.0
    least_recall: float | None = None
    duplicate_of: str | None = None
    stage: str | None = None
    reason: str | None = None


def ingest(
    request: Request,
    store: str | Path | None,
    *,
    progress: Progress = lambda _stage, _done, _total: None,
    begin: Begin = lambda _checkpoint, _index, _total: None,
) -> Iterator[Outcome]:
    """Measure checkpoints over a corpus into a store, one after the other.

    While one is measured the next is fetched and, where memory allows, loaded. One that
    fails does not stop the others: it is noted in the store. A lone one raises.

    Args:
        request: which models, on what, measured how.
        store: the store's URL or path; created if it does not exist.
        progress: called as (stage, done, total) while a checkpoint is being measured: stages
            are ``forward``, ``geometry`` and ``store``.
        begin: called as (checkpoint, index, total) when one is waited for or measured.

    Yields:
        One outcome per checkpoint, as soon as it is stored.

    Raises:
        EmbstoreError: no such model, or the corpus, an option or the store cannot be used.
            Checkpoints already yielded are stored.
    """
    settings = request.settings
    with open_sources(request, store) as sources:
        candidates = sources.candidates
        copies = Copies(sources.database)
        preparation = Preparation(sources, settings)

        def announce(index: int) -> None:
            begin(label(candidates[index]), index, len(candidates))

        with contextlib.closing(preparation.one_ahead(announce)) as coming:
            for prepared in coming:
                located = prepared.planned.model.located if prepared.planned else None
                # Asked before the work, so that nothing can fail between storing and telling.
                original = copies.original(located) if located else None
                outcome, trouble = _carry_out(prepared, sources, settings, progress)
                if trouble is not None:
                    if len(candidates) == 1:
                        raise trouble.error
                    outcome = _note(prepared, trouble, sources, settings)
                    _forget(trouble.error)
                elif located is not None:
                    copies.note(located)
                    outcome = replace(outcome, duplicate_of=original)
                if located is not None:
                    preparation.release(located, measured=outcome.status == "measured")
                # Or its weights would be kept while the next ones are waited for.
                del prepared, trouble
                yield outcome


def error_of(outcomes: Sequence[Outcome]) -> IngestError | None:
    """Return what to raise when all is done; None if no checkpoint failed."""
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if not failed:
        return None
    kind = NothingMeasuredError if len(failed) == len(outcomes) else IngestError
    rest = "none is stored" if len(failed) == len(outcomes) else "the others are stored"
    return kind(
        f"{len(failed):,} of {len(outcomes):,} checkpoints failed, {rest}; the same command "
        "tries the failed ones again, and embstore query failures lists them",
        outcomes,
    )


def _carry_out(
    prepared: Prepared, sources: Sources, settings: Settings, progress: Progress
) -> tuple[Outcome, Trouble | None]:
    """Measure and store a checkpoint, or say what keeps it from that."""
    candidate, planned = prepared.candidate, prepared.planned
    failed = Outcome(candidate.name, candidate.known_as.name, "failed")
    if prepared.trouble is not None or planned is None:
        return failed, prepared.trouble
    if run_id := planned.stored_run(settings):
        return replace(
            failed,
            status="stored",
            run_id=run_id,
            n_tokens=planned.windows.n_tokens,
            seconds=planned.seconds,
        ), None
    try:
        return _measure(prepared, planned, sources, settings, progress), None
    except StoreError:
        raise
    except Exception as error:
        return failed, Trouble("measure", error)


def _note(prepared: Prepared, trouble: Trouble, sources: Sources, settings: Settings) -> Outcome:
    """Write into the store why a checkpoint failed."""
    candidate = prepared.candidate
    failure = Failure(
        model=candidate.name,
        revision=candidate.known_as.name,
        stage=trouble.stage,
        reason=reason_of(trouble.error),
        corpus=sources.text.corpus.name,
        failed_at=datetime.now(UTC),
        embstore_version=__version__,
        study=settings.study.name if settings.study else None,
    )
    write_failure(sources.database, failure)
    return Outcome(
        failure.model, failure.revision, "failed", stage=failure.stage, reason=failure.reason
    )


def _forget(error: BaseException) -> None:
    """Let go what the frames of an error hold: a model, its batches."""
    chain: BaseException | None = error
    while chain is not None:
        if chain.__traceback__ is not None:
            traceback.clear_frames(chain.__traceback__)
            chain.__traceback__ = None
        chain = chain.__cause__ or chain.__context__


def _measure(
    prepared: Prepared, planned: Plan, sources: Sources, settings: Settings, progress: Progress
) -> Outcome:
    """Load the weights, measure and store."""
    began = time.perf_counter() - planned.seconds - prepared.load_seconds
    keep_freed_memory()
    located, config = planned.model.located, planned.model.config
    weights = prepared.weights or read_weights(
        located, config, device=sources.device, dtype=sources.dtype
    )
    model = examine(weights, located, config, context=planned.model.context)
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
    run_id = write_run(sources.database, run)
    progress("store", 1, 1)
    known = (layer.neighbor_recall for layer in measured.layers)
    return Outcome(
        model=located.name,
        revision=located.checkpoint.revision,
        status="measured",
        run_id=run_id,
        n_tokens=planned.windows.n_tokens,
        seconds=time.perf_counter() - began,
        least_recall=min((share for share in known if share is not None), default=None),
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
