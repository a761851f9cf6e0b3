"""Checkpoints as tasks of a Ray cluster."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray import exceptions

from embstore.checkpoints.located import Permissions
from embstore.common.messages import one_line
from embstore.errors import MeasurementError
from embstore.ingestion.cluster.answer import packed, unpacked
from embstore.ingestion.cluster.errand import Errand, run_errand
from embstore.ingestion.cluster.joined import joined
from embstore.ingestion.cluster.slots import Slots, slots_of
from embstore.ingestion.devices.messages import Failed
from embstore.ingestion.memory_estimate import estimate
from embstore.ingestion.one_checkpoint import Job, Result
from embstore.ingestion.plan import plan_extent
from embstore.ingestion.prefetch import Prepared
from embstore.ingestion.request import Settings
from embstore.ingestion.stopped import Stopped
from embstore.measuring.checkpoint import Progress
from embstore.models.description import model_size

# How often a task is begun again, elsewhere, when its worker or its machine is lost.
_RETRIES = 3
# Between two looks at how far a task is, and between two reports of it.
_LOOK_SECONDS, _REPORT_SECONDS = 0.2, 0.1


class Cluster:
    """A Ray cluster that measures."""

    def __init__(self, slots: Slots, permissions: Permissions, settings: Settings) -> None:
        self.slots = slots
        self._permissions = permissions
        self._settings = settings
        self._board: Any = _Board.options(num_cpus=0, max_restarts=-1).remote()  # type: ignore[attr-defined]

    def places(self, n_checkpoints: int) -> "list[ClusterPlace]":
        """Return what has one task at a time, for so many checkpoints.

        Twice as many as there is room for: whichever machine is free has the next task at once,
        and a cluster that grows with what waits learns that it should.
        """
        return [
            ClusterPlace(self.slots, self._permissions, self._settings, self._board)
            for _ in range(min(n_checkpoints, 2 * self.slots.n))
        ]


@contextlib.contextmanager
def join_cluster(address: str, permissions: Permissions, settings: Settings) -> Iterator[Cluster]:
    """Connect to a cluster, or make this machine one; leave it at the end.

    Args:
        address: ``local``, ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``.
        permissions: what of a model's files may run code.
        settings: of the ingest.

    Raises:
        UsageError: no cluster is there, or it has not the device that is asked for.
    """
    with joined(address):
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        yield Cluster(slots_of(nodes, settings.devices), permissions, settings)


class ClusterPlace:
    """Measures one checkpoint after the other, each as a task somewhere in the cluster."""

    def __init__(
        self, slots: Slots, permissions: Permissions, settings: Settings, board: Any
    ) -> None:
        self._slots = slots
        self._permissions = permissions
        self._settings = settings
        self._board = board
        self._lock = threading.Lock()
        self._task: Any = None
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
        key = uuid.uuid4().hex
        task = self._begun(prepared, job, key)
        shown: object = None
        try:
            while not ray.wait([task], timeout=_LOOK_SECONDS)[0]:
                report = self._report(key)
                if report is not None and report != shown:
                    shown = report
                    progress(*report)
            found = unpacked(ray.get(task))
        except exceptions.RayError as error:
            if self._ended:
                raise Stopped from error
            raise MeasurementError(_explained(error)) from error
        self._board.forget.remote(key)
        if isinstance(found, Failed):
            raise MeasurementError(found.reason)
        return found

    def end(self) -> None:
        """Cancel the task, whatever it is doing; it has nothing that could be lost."""
        with self._lock:
            self._ended = True
            if self._task is not None:
                with contextlib.suppress(exceptions.RayError):
                    ray.cancel(self._task, force=True)

    def _report(self, key: str) -> tuple[str, int, int] | None:
        """Return how far a task is; None where that is not known."""
        # The board's machine may be lost as well: it begins again elsewhere, with nothing on it.
        with contextlib.suppress(exceptions.RayError):
            found: tuple[str, int, int] | None = ray.get(self._board.read.remote(key))
            return found
        return None

    def _begun(self, prepared: Prepared, job: Job, key: str) -> Any:
        need = self._memory_of(prepared)
        candidate = prepared.candidate
        if candidate.source != "hub":
            # A relative path is of this process's folder.
            candidate = replace(candidate, place=str(Path(candidate.place).absolute()))
        errand = Errand(job, candidate, self._permissions, self._settings.evict, self._slots.cores)
        with self._lock:
            if self._ended:
                raise Stopped
            self._task = _measure.options(
                num_cpus=self._slots.cores,
                num_gpus=1 if self._slots.device == "cuda" else 0,
                memory=need,
                max_retries=_RETRIES,
                name=f"{candidate.name}@{candidate.known_as.name}",
            ).remote(errand, self._board, key)
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


@ray.remote
class _Board:
    """Where tasks write how far they are, for whoever shows it."""

    def __init__(self) -> None:
        self._reports: dict[str, tuple[str, int, int]] = {}

    def tell(self, key: str, report: tuple[str, int, int]) -> None:
        self._reports[key] = report

    def read(self, key: str) -> tuple[str, int, int] | None:
        return self._reports.get(key)

    def forget(self, key: str) -> None:
        self._reports.pop(key, None)


@ray.remote
def _measure(errand: Errand, board: Any, key: str) -> pa.Buffer:
    return packed(run_errand(errand, _reporting(board, key)))


def _reporting(board: Any, key: str) -> Callable[[str, int, int], None]:
    last, said = 0.0, ""

    def report(stage: str, done: int, total: int) -> None:
        nonlocal last, said
        now = time.monotonic()
        if stage != said or now - last >= _REPORT_SECONDS:
            last, said = now, stage
            board.tell.remote(key, (stage, done, total))

    return report


def _explained(error: exceptions.RayError) -> str:
    """Say in one line what became of a task, without Ray's pages of advice."""
    kinds: dict[type, str] = {
        exceptions.OutOfMemoryError: "its machine ran out of memory",
        exceptions.NodeDiedError: "its machine was lost",
        exceptions.WorkerCrashedError: "its process was lost",
        exceptions.OwnerDiedError: "the process that asked for it was lost",
    }
    why = next((text for kind, text in kinds.items() if isinstance(error, kind)), None)
    if why is None:
        return f"the task on the cluster failed: {one_line(error)}"
    return f"the task on the cluster was begun {_RETRIES + 1} times and {why} each time"
