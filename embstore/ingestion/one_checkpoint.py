"""Loads one checkpoint and measures it; knows nothing of a store.

So it runs in the process of an ingest as well as in one of several that measure side by side.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embstore.checkpoints.located import Located
from embstore.common.allocator import keep_freed_memory, release_freed_memory
from embstore.common.workers import ahead
from embstore.ingestion.provenance import peak_memory_bytes
from embstore.inputs.image_windows import ImageWindows
from embstore.inputs.token_sample import sample_windows
from embstore.inputs.windows import Windows
from embstore.measuring.checkpoint import Choice, Progress, measure_batches
from embstore.metrics.selection import Selection
from embstore.models.description import ModelDescription
from embstore.models.devices import choose_device, choose_dtype, telling_of_memory
from embstore.models.hidden_states import HiddenBatch, default_batch_size, hidden_batches
from embstore.models.load import Beside, Weights, read_weights
from embstore.models.loaded import LoadedModel, examine, load_config
from embstore.types import Checkpoint, Measured, Model


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be measured of a checkpoint, and how; another process can be sent it.

    Attributes:
        located: where its files are; the weights are on this machine.
        context: its longest sequence, where known.
        windows: what to feed.
        positions: the kept sample, flat positions into the windows.
        choice: what is measured, and on which device.
        batch_size: windows per forward pass; None to fit a fixed amount of memory.
        dtype: of the weights, one of ``DTYPES``.
    """

    located: Located
    context: int | None
    windows: Windows | ImageWindows
    positions: NDArray[np.int64]
    choice: Choice
    batch_size: int | None
    dtype: str


@dataclass(frozen=True, eq=False)
class Result:
    """What measuring a checkpoint gave, and how it was done.

    Attributes:
        model: what was found out about it.
        measured: every number.
        attention: the attention kernel it ran with.
        linear: what its linear layers ran through.
        batch_size: windows per forward pass.
        seconds: wall time, with that of loading the weights if that was done here.
        peak_memory_bytes: of the process that measured.
        checkpoint: as another machine found and fingerprinted it; None for what was planned.
    """

    model: Model
    measured: Measured
    attention: str
    linear: str
    batch_size: int
    seconds: float
    peak_memory_bytes: int
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True, eq=False)
class Place:
    """Where checkpoints are measured.

    Attributes:
        device: on which their models run.
        measure: does a job there, in this process or another one, and tells how far it is.
        n_workers: layers measured side by side; None for one per core.
    """

    device: str
    measure: Callable[[Job, Progress], Result]
    n_workers: int | None = None


def measure_job(
    job: Job,
    progress: Progress,
    *,
    weights: Weights | None = None,
    known: ModelDescription | None = None,
) -> Result:
    """Load the weights and measure.

    Args:
        job: what to do.
        progress: called as (stage, done, total).
        weights: read already; None to read them.
        known: the model's description; None to read its configuration again.

    Raises:
        EmbstoreError: the model cannot be loaded or run.
    """
    began = time.perf_counter()
    keep_freed_memory()
    config = known.config if known else load_config(job.located)
    beside = wanted_beside(job.choice.selection)
    weights = weights or read_weights(
        job.located,
        config,
        device=choose_device(job.choice.device),
        dtype=choose_dtype(job.dtype),
        beside=beside,
    )
    model = examine(weights, job.located, config, context=job.context, attention=beside.attention)
    # What reading and trying the model took was freed in pieces that are too small for sums.
    release_freed_memory()
    unequal = not job.windows.attention_mask.all()
    batch_size = job.batch_size or default_batch_size(model, job.windows.window, unequal=unequal)
    with (
        telling_of_memory(model.facts.name, job.choice.device),
        _batches(model, job.windows, batch_size) as batches,
    ):
        measured = measure_batches(
            *(batches, job.positions, job.choice),
            windows=sample_windows(job.windows.n_windows, len(job.positions), job.choice.seed),
            progress=_with_total(progress, job.windows),
        )
    return Result(
        model=model.facts,
        measured=measured,
        attention=model.attention,
        linear=model.linear,
        batch_size=batch_size,
        seconds=time.perf_counter() - began,
        peak_memory_bytes=peak_memory_bytes(),
    )


def wanted_beside(selection: Selection) -> Beside:
    """Return what metrics take of a model beside its hidden states."""
    return Beside(head=selection.needs("head"), attention=selection.needs("attention"))


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


def _with_total(progress: Progress, windows: Windows | ImageWindows) -> Progress:
    """Add the total that measuring a stream of batches cannot know."""

    def report(stage: str, done: int, total: int) -> None:
        progress(stage, done, windows.n_tokens if stage == "forward" else total)

    return report
