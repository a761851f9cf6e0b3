"""Says what an ingest would do and the memory it would take, without doing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from embstore.memory import Extent, MemoryEstimate, estimate
from embstore.outline import model_shape
from embstore.planning import Plan, Request, Settings, open_sources, plan


@dataclass(frozen=True)
class Preview:
    """What ingesting a model would do and take.

    Attributes:
        model: its name.
        revision: of its weights.
        architecture: its family.
        status: ``stored`` where there is nothing to do.
        run_id: of the stored run.
        n_windows: sequences to feed.
        n_tokens: tokens in them.
        n_layers: blocks of all stacks.
        hidden_size: d.
        n_parameters: without a language-model head.
        memory: at the peak.
    """

    model: str
    revision: str
    architecture: str
    status: Literal["stored", "to do"]
    run_id: str | None
    n_windows: int
    n_tokens: int
    n_layers: int
    hidden_size: int
    n_parameters: int
    memory: MemoryEstimate


def preview(
    models: Sequence[Request], corpus: str | Path, store: str | Path | None, settings: Settings
) -> list[Preview]:
    """Plan what ``ingest`` with the same arguments would do; no weights are loaded.

    Raises:
        EmbstoreError: as ``ingest``, but for weights that cannot be loaded or run.
    """
    with open_sources(models, corpus, store, settings) as sources:
        return [
            _preview(plan(located, sources, settings), sources.dtype.itemsize, settings)
            for located in sources.models
        ]


def _preview(planned: Plan, itemsize: int, settings: Settings) -> Preview:
    located, windows = planned.model.located, planned.windows
    shape = model_shape(planned.model)
    extent = Extent(
        n_windows=windows.n_windows,
        window=windows.window,
        n_sample=len(planned.positions),
        n_scopes=len(settings.scopes),
        pairs=settings.pairs,
        batch_size=settings.batch_size,
        itemsize=itemsize,
    )
    run_id = planned.stored_run(settings)
    return Preview(
        model=located.name,
        revision=located.checkpoint.revision,
        architecture=planned.model.config.model_type,
        status="stored" if run_id else "to do",
        run_id=run_id,
        n_windows=windows.n_windows,
        n_tokens=windows.n_tokens,
        n_layers=sum(shape.n_layers),
        hidden_size=shape.hidden_size,
        n_parameters=shape.n_parameters,
        memory=estimate(shape, extent),
    )
