"""The places of a cluster: each has one checkpoint after the other measured as a task somewhere."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from embstore.checkpoints.find import label
from embstore.checkpoints.located import Permissions
from embstore.errors import MeasurementError
from embstore.ingestion.cluster.errand import Errand
from embstore.ingestion.cluster.slots import Slots
from embstore.ingestion.devices.messages import Failed
from embstore.ingestion.memory_estimate import estimate
from embstore.ingestion.one_checkpoint import Job, Result
from embstore.ingestion.plan import plan_extent
from embstore.ingestion.prefetch import Prepared
from embstore.ingestion.request import Settings
from embstore.ingestion.stopped import Stopped
from embstore.measuring.checkpoint import Progress
from embstore.models.description import model_size

# Between two looks at how far a task is.
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Need:
    """What a task takes of a machine: device, cores, bytes of memory; and what it is called."""

    device: str
    cores: int
    memory: int
    name: str


class Task(Protocol):
    """An errand that is run somewhere in a cluster, or waits for that."""

    def wait(self, seconds: float) -> bool:
        """Wait for its end, but not longer; tell whether it has come."""

    def report(self) -> tuple[str, int, int] | None:
        """Return how far it is, as (stage, done, total); None where that is not known."""

    def answer(self) -> Result | Failed:
        """Return what came of it, once it has ended; to be called once.

        Raises:
            MeasurementError: it was lost, or cancelled.
        """

    def cancel(self) -> None:
        """End it, whatever it is doing."""


Begin = Callable[[Errand, Need], Task]


def places(
    slots: Slots, n_checkpoints: int, permissions: Permissions, settings: Settings, begin: Begin
) -> "list[ClusterPlace]":
    """Return what has one task at a time, for so many checkpoints.

    Twice as many as there is room for: whichever machine is free has the next task at once, and a
    cluster that grows with what waits learns that it should.

    Args:
        slots: how tasks divide the cluster.
        n_checkpoints: to measure.
        permissions: what of a model's files may run code.
        settings: of the ingest.
        begin: sends an errand to the cluster.
    """
    n = min(n_checkpoints, 2 * slots.n)
    return [ClusterPlace(slots, permissions, settings, begin) for _ in range(n)]


class ClusterPlace:
    """Measures one checkpoint after the other, each as a task somewhere in the cluster."""

    def __init__(
        self, slots: Slots, permissions: Permissions, settings: Settings, begin: Begin
    ) -> None:
        self._slots = slots
        self._permissions = permissions
        self._settings = settings
        self._begin = begin
        self._lock = threading.Lock()
        self._task: Task | None = None
        self._ended = False

    @property
    def device(self) -> str:
        """On which models run."""
        return self._slots.device

    @property
    def n_workers(self) -> int:
        """Layers measured side by side."""
        return self._slots.cores

    def measure(self, prepared: Prepared, job: Job, progress: Progress) -> Result:
        """Measure a job in a task; a lost machine's is begun again on another.

        Args:
            prepared: the checkpoint.
            job: what to do.
            progress: called as (stage, done, total).

        Raises:
            MeasurementError: it failed, or its machines were lost again and again.
            Stopped: ``end`` was called.
        """
        task = self._begun(prepared, job)
        shown: object = None
        while not task.wait(_LOOK_SECONDS):
            report = task.report()
            if report is not None and report != shown:
                shown = report
                progress(*report)
        try:
            found = task.answer()
        except MeasurementError as error:
            if self._ended:
                raise Stopped from error
            raise
        finally:
            with self._lock:
                # Drop the reference: with it the cluster keeps the answer.
                self._task = None
        if isinstance(found, Failed):
            raise MeasurementError(found.reason)
        return found

    def end(self) -> None:
        """Cancel the task, whatever it is doing; it has nothing that could be lost."""
        with self._lock:
            self._ended = True
            if self._task is not None:
                self._task.cancel()

    def _begun(self, prepared: Prepared, job: Job) -> Task:
        need = Need(
            self._slots.device,
            self._slots.cores,
            self._memory_of(prepared),
            label(prepared.candidate),
        )
        candidate = prepared.candidate
        if candidate.source != "hub":
            # A relative path is of this process's folder.
            candidate = replace(candidate, place=str(Path(candidate.place).absolute()))
        errand = Errand(job, candidate, self._permissions, self._settings.evict, self._slots.cores)
        with self._lock:
            if self._ended:
                raise Stopped
            self._task = self._begin(errand, need)
            return self._task

    def _memory_of(self, prepared: Prepared) -> int:
        planned = prepared.planned
        if planned is None:
            raise TypeError("only what is planned is measured")
        itemsize = 4 if self._settings.dtype in {"auto", "float32"} else 2
        extent = plan_extent(planned, itemsize, self._settings)
        need = estimate(model_size(planned.model), extent, n_workers=self._slots.cores).total
        if need > self._slots.memory > 0:
            raise MeasurementError(
                f"it takes {need / 1e9:.1f} GB of memory, and no machine of the cluster has more "
                f"than {self._slots.memory / 1e9:.1f} GB; use a smaller batch size or sample"
            )
        return need
