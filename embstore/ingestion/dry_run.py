"""Says what an ingest would do and what it would take, without doing it."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from embstore.checkpoints.find import Candidate
from embstore.checkpoints.locate import fingerprinted, locate_files
from embstore.choices import WINDOW_SCOPES
from embstore.common.messages import listed, reason_of
from embstore.common.workers import n_workers
from embstore.errors import StoreError
from embstore.ingestion.duplicates import Copies
from embstore.ingestion.memory_estimate import MemoryEstimate, estimate
from embstore.ingestion.plan import Plan, plan, plan_extent
from embstore.ingestion.request import Request, Settings
from embstore.ingestion.resources import Resources, open_resources
from embstore.ingestion.time_estimate import Pace, estimate_seconds, probe_pace
from embstore.measuring.window_vectors import LEAST_VECTORS
from embstore.models.description import ModelSize, model_size
from embstore.store.connection import open_database
from embstore.store.spool import waiting

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """What measuring a checkpoint would take.

    Attributes:
        architecture: its family.
        run_id: of the run that is stored already; None if there is something to do.
        goes_on_from: the run of the same sample whose numbers the new one has as well.
        measures: how many metrics are measured, in all scopes.
        n_windows: sequences to feed.
        n_tokens: tokens in them.
        n_texts: texts of the corpus, where each sequence is one; else None.
        n_layers: blocks of all stacks.
        hidden_size: d.
        n_parameters: without a language-model head.
        download_bytes: of weights that are not on this machine yet.
        memory: at the peak.
        seconds: to measure it, without loading and downloading; 0 if it is stored.
    """

    architecture: str
    run_id: str | None
    goes_on_from: str | None
    measures: int
    n_windows: int
    n_tokens: int
    n_texts: int | None
    n_layers: int
    hidden_size: int
    n_parameters: int
    download_bytes: int
    memory: MemoryEstimate
    seconds: float


@dataclass(frozen=True)
class Preview:
    """What ingesting a checkpoint would do.

    Attributes:
        model: its name.
        revision: of it.
        step: optimizer steps taken, where known.
        shuffle: what of the text is shuffled, as a control.
        status: ``stored`` where there is nothing to do, ``cannot`` where it will fail.
        work: what it takes; None where it will fail.
        duplicate_of: the revision of the same model that has the same weights, if any.
        reason: why it will fail, one line.
    """

    model: str
    revision: str
    step: int | None
    shuffle: str
    status: Literal["stored", "to do", "cannot"]
    work: Work | None = None
    duplicate_of: str | None = None
    reason: str | None = None


@dataclass
class _Known:
    """What is known from the checkpoints before.

    Attributes:
        copies: the checkpoints with certain weights.
        paces: of this machine, by the size of a model: one probe is enough for a series.
    """

    copies: Copies
    paces: dict[ModelSize, Pace] = field(default_factory=dict)


def preview(request: Request, store: str | Path | None) -> list[Preview]:
    """Plan what ``ingest`` with the same arguments would do; no weights are loaded.

    Raises:
        EmbstoreError: as ``ingest``, but for weights that cannot be loaded or run.
    """
    with open_resources(request, store) as resources:
        known = _Known(Copies(resources.database))
        return [
            _preview(candidate, resources, request.settings, known)
            for candidate in resources.candidates
        ]


def check_store(store: str | Path | None) -> None:
    """Find out whether what is to do could be stored, and say what waits for the store.

    Raises:
        StoreError: what stands in the way.
    """
    database = open_database(store, lazy=True)
    if files := waiting(database):
        runs = "1 measured run" if len(files) == 1 else f"{len(files):,} measured runs"
        folders = listed(dict.fromkeys(file.parent for file in files))
        _LOG.warning(
            "%s in %s: not stored yet, an ingest takes in what is there first", runs, folders
        )
    database.check_writable()


def _preview(
    candidate: Candidate, resources: Resources, settings: Settings, known: _Known
) -> Preview:
    name, revision = candidate.name, candidate.known_as
    shuffle = settings.of(candidate).sampling.shuffle
    try:
        located = locate_files(candidate, resources.permissions)
        planned = plan(located, resources, settings.of(candidate))
        work = _work(planned, resources, settings, known)
        if located.snapshot is None and not work.run_id:
            located = fingerprinted(located)
        original = known.copies.original(located)
        known.copies.note(located)
    except StoreError:
        raise
    except Exception as error:
        if resources.alone:
            raise
        return Preview(
            name, revision.name, revision.step, shuffle, "cannot", reason=reason_of(error)
        )
    return Preview(
        model=name,
        revision=revision.name,
        step=revision.step,
        shuffle=shuffle,
        status="stored" if work.run_id else "to do",
        work=work,
        duplicate_of=original,
    )


def _work(planned: Plan, resources: Resources, settings: Settings, known: _Known) -> Work:
    windows, task = planned.windows, planned.task
    size = model_size(planned.model)
    run_id = planned.stored_run(settings)
    empty = [scope for scope in task.scopes if scope in WINDOW_SCOPES]
    if empty and windows.n_windows < LEAST_VECTORS and run_id is None:
        _LOG.warning(
            "%s: %s will have no number: %d windows, and at least %d are needed; give more tokens, "
            "or a shorter window",
            planned.model.located.name,
            " and ".join(empty),
            windows.n_windows,
            LEAST_VECTORS,
        )
    extent = plan_extent(planned, resources.dtype.itemsize, settings)
    seconds = 0.0
    if run_id is None:
        if size not in known.paces:
            known.paces[size] = probe_pace(size, resources.devices[0], resources.dtype)
        seconds = estimate_seconds(size, extent, known.paces[size])
    return Work(
        architecture=planned.model.config.model_type,
        run_id=run_id,
        goes_on_from=task.stored.run_id if task.stored and not run_id else None,
        measures=0 if run_id else len(task.measured.names),
        n_windows=windows.n_windows,
        n_tokens=windows.n_tokens,
        n_texts=windows.texts[1] if windows.texts else None,
        n_layers=sum(size.n_layers),
        hidden_size=size.hidden_size,
        n_parameters=size.n_parameters,
        download_bytes=planned.model.located.download_bytes,
        memory=estimate(size, extent, n_workers=n_workers(len(resources.devices))),
        seconds=seconds,
    )
