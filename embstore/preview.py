"""Says what an ingest would do and what it would take, without doing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from embstore.checkpoints import Candidate
from embstore.errors import EmbstoreError, StoreError
from embstore.locate import locate_files
from embstore.memory import MemoryEstimate
from embstore.outline import model_shape
from embstore.planning import Plan, Sources, open_sources, plan, plan_memory
from embstore.settings import Request, Settings
from embstore.store.writing import same_weights


@dataclass(frozen=True)
class Work:
    """What measuring a checkpoint would take.

    Attributes:
        architecture: its family.
        run_id: of the run that is stored already; None if there is something to do.
        n_windows: sequences to feed.
        n_tokens: tokens in them.
        n_layers: blocks of all stacks.
        hidden_size: d.
        n_parameters: without a language-model head.
        download_bytes: of weights that are not on this machine yet.
        memory: at the peak.
    """

    architecture: str
    run_id: str | None
    n_windows: int
    n_tokens: int
    n_layers: int
    hidden_size: int
    n_parameters: int
    download_bytes: int
    memory: MemoryEstimate


@dataclass(frozen=True)
class Preview:
    """What ingesting a checkpoint would do.

    Attributes:
        model: its name.
        revision: of it.
        step: optimizer steps taken, where known.
        status: ``stored`` where there is nothing to do, ``cannot`` where it will fail.
        work: what it takes; None where it will fail.
        duplicate_of: the revision of the same model that has the same weights, if any.
        reason: why it will fail, one line.
    """

    model: str
    revision: str
    step: int | None
    status: Literal["stored", "to do", "cannot"]
    work: Work | None = None
    duplicate_of: str | None = None
    reason: str | None = None


def preview(
    models: Sequence[Request], corpus: str | Path, store: str | Path | None, settings: Settings
) -> list[Preview]:
    """Plan what ``ingest`` with the same arguments would do; no weights are loaded.

    Raises:
        EmbstoreError: as ``ingest``, but for weights that cannot be loaded or run.
    """
    with open_sources(models, corpus, store, settings) as sources:
        first: dict[tuple[str, str], str] = {}
        return [_preview(candidate, sources, settings, first) for candidate in sources.candidates]


def _preview(
    candidate: Candidate, sources: Sources, settings: Settings, first: dict[tuple[str, str], str]
) -> Preview:
    name, revision = candidate.name, candidate.known_as
    try:
        located = locate_files(candidate, settings.permissions)
        planned = plan(located, sources, settings)
        work = _work(planned, sources, settings)
    except StoreError:
        raise
    except EmbstoreError as error:
        if len(sources.candidates) == 1:
            raise
        return Preview(name, revision.name, revision.step, "cannot", reason=str(error))
    known = same_weights(sources.database, name, located.checkpoint)
    original = first.setdefault((name, located.checkpoint.weights_sha256), known or revision.name)
    return Preview(
        model=name,
        revision=revision.name,
        step=revision.step,
        status="stored" if work.run_id else "to do",
        work=work,
        duplicate_of=None if original == revision.name else original,
    )


def _work(planned: Plan, sources: Sources, settings: Settings) -> Work:
    windows = planned.windows
    shape = model_shape(planned.model)
    return Work(
        architecture=planned.model.config.model_type,
        run_id=planned.stored_run(settings),
        n_windows=windows.n_windows,
        n_tokens=windows.n_tokens,
        n_layers=sum(shape.n_layers),
        hidden_size=shape.hidden_size,
        n_parameters=shape.n_parameters,
        download_bytes=planned.model.located.download_bytes,
        memory=plan_memory(planned, sources.dtype.itemsize, settings),
    )
