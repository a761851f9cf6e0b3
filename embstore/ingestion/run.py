"""Measures checkpoints over a text into a store, one after the other; skips what is stored.

What can be wrong with a text or an option is found before the weights are loaded; a damaged
image is found when it is read. A checkpoint that fails is noted in the store, and the next
one is measured.
"""

import contextlib
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from embstore._version import __version__
from embstore.checkpoints.find import label
from embstore.common.messages import reason_of
from embstore.errors import StoreError
from embstore.ingestion.duplicates import Copies
from embstore.ingestion.one_checkpoint import measure_and_store
from embstore.ingestion.outcome import Outcome
from embstore.ingestion.prefetch import Preparation, Prepared, Trouble
from embstore.ingestion.request import Request, Settings
from embstore.ingestion.resources import Resources, open_resources
from embstore.measuring.checkpoint import Progress
from embstore.store.empty_layers import EmptyLayers, empty_layers
from embstore.store.spool import take_in_waiting
from embstore.store.writing import write_failure
from embstore.types import Failure

_LOG = logging.getLogger(__name__)

Begin = Callable[[str, int, int], None]


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
        One outcome per checkpoint, as soon as it is stored, or kept in a file.

    Raises:
        EmbstoreError: no such model, or the corpus, an option or the store cannot be used.
            Checkpoints already yielded are stored.
    """
    settings = request.settings
    with open_resources(request, store) as resources:
        take_in_waiting(resources.database)
        candidates = resources.candidates
        copies = Copies(resources.database)
        preparation = Preparation(resources, settings)

        def announce(index: int) -> None:
            begin(label(candidates[index]), index, len(candidates))

        with contextlib.closing(preparation.one_ahead(announce)) as coming:
            for prepared in coming:
                located = prepared.planned.model.located if prepared.planned else None
                # Ask the store before the work: nothing may fail between storing and telling.
                original = copies.original(located) if located else None
                shared = copies.shared(located) if located else None
                outcome, trouble = _carry_out(prepared, resources, settings, progress)
                if trouble is not None:
                    if len(candidates) == 1:
                        raise trouble.error
                    outcome = _note(prepared, trouble, resources, settings)
                    _forget(trouble.error)
                elif located is not None:
                    copies.note(located)
                    empty = _empty(resources, outcome)
                    outcome = replace(outcome, duplicate_of=original, shared=shared, empty=empty)
                if located is not None:
                    measured = outcome.status in {"measured", "kept"}
                    preparation.release(located, measured=measured)
                # Drop the references: they would keep the weights in memory meanwhile.
                del prepared, trouble
                yield outcome


def _carry_out(
    prepared: Prepared, resources: Resources, settings: Settings, progress: Progress
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
        return measure_and_store(prepared, planned, resources, settings, progress), None
    except StoreError:
        raise
    except Exception as error:
        return failed, Trouble("measure", error)


def _empty(resources: Resources, outcome: Outcome) -> EmptyLayers | None:
    """Return which layers of a stored run have no numbers, as far as the store can be asked."""
    try:
        found = empty_layers(resources.database, [outcome.run_id] if outcome.run_id else [])
    except StoreError as error:
        # The run is stored, and the next checkpoints are to be measured.
        checkpoint = f"{outcome.model}@{outcome.revision}"
        _LOG.warning("whether all layers of %s have numbers is not known: %s", checkpoint, error)
        return None
    return next(iter(found), None)


def _note(
    prepared: Prepared, trouble: Trouble, resources: Resources, settings: Settings
) -> Outcome:
    """Write into the store why a checkpoint failed; go on where that cannot be."""
    candidate = prepared.candidate
    failure = Failure(
        model=candidate.name,
        revision=candidate.known_as.name,
        stage=trouble.stage,
        reason=reason_of(trouble.error),
        corpus=resources.text.corpus.name,
        failed_at=datetime.now(UTC),
        embstore_version=__version__,
        study=settings.study.name if settings.study else None,
    )
    try:
        write_failure(resources.database, failure)
    except StoreError as error:
        _LOG.warning("why %s failed is not noted in the store: %s", label(candidate), error)
    return Outcome(
        failure.model, failure.revision, "failed", stage=failure.stage, reason=failure.reason
    )


def _forget(error: BaseException) -> None:
    """Drop what the frames of an error keep in memory: a model, its batches."""
    chain: BaseException | None = error
    while chain is not None:
        if chain.__traceback__ is not None:
            traceback.clear_frames(chain.__traceback__)
            chain.__traceback__ = None
        chain = chain.__cause__ or chain.__context__
