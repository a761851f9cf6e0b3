"""Checkpoints as tasks of a Ray cluster."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import ray
from ray import exceptions

from embstore.checkpoints.located import Permissions
from embstore.common.messages import one_line
from embstore.errors import MeasurementError
from embstore.ingestion.cluster.answer import packed, unpacked
from embstore.ingestion.cluster.errand import Errand, run_errand
from embstore.ingestion.cluster.joined import RETRIES, joined
from embstore.ingestion.cluster.places import ClusterPlace, Need, places
from embstore.ingestion.cluster.slots import slots_of
from embstore.ingestion.devices.messages import Failed
from embstore.ingestion.one_checkpoint import Result
from embstore.ingestion.request import Settings

_Report = tuple[str, int, int]

# Between two reports of a task, and between two looks at those of all.
_REPORT_SECONDS, _READ_SECONDS = 0.1, 0.2


@contextlib.contextmanager
def places_of_cluster(
    address: str, n_checkpoints: int, permissions: Permissions, settings: Settings
) -> Iterator[Sequence[ClusterPlace]]:
    """Connect to a cluster, or make this machine one; leave it at the end.

    Args:
        address: ``local``, ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``.
        n_checkpoints: to measure.
        permissions: what of a model's files may run code.
        settings: of the ingest.

    Raises:
        UsageError: no cluster is there, or it has not the device that is asked for.
    """
    with joined(address):
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        slots = slots_of(nodes, settings.devices)
        reports = _Reports()
        yield places(
            slots,
            n_checkpoints,
            permissions,
            settings,
            lambda errand, need: _RayTask(errand, need, reports),
        )


class _RayTask:
    """An errand as a task of Ray."""

    def __init__(self, errand: Errand, need: Need, reports: "_Reports") -> None:
        self._reports = reports
        self._key = uuid.uuid4().hex
        self._task = _measure.options(
            num_cpus=need.cores,
            num_gpus=1 if need.device == "cuda" else 0,
            memory=need.memory,
            max_retries=RETRIES,
            name=need.name,
        ).remote(errand, reports.board, self._key)

    def wait(self, seconds: float) -> bool:
        """Wait for its end, but not longer; tell whether it has come."""
        try:
            return bool(ray.wait([self._task], timeout=seconds)[0])
        except exceptions.RayError:
            # It comes with the answer, too.
            return True

    def report(self) -> _Report | None:
        """Return how far it is; None where that is not known."""
        return self._reports.read(self._key)

    def answer(self) -> Result | Failed:
        """Return what came of it.

        Raises:
            MeasurementError: it was lost, or cancelled.
        """
        try:
            found = unpacked(ray.get(self._task))
        except exceptions.RayError as error:
            raise MeasurementError(_explained(error)) from error
        self._reports.forget(self._key)
        return found

    def cancel(self) -> None:
        """End it, whatever it is doing."""
        with contextlib.suppress(exceptions.RayError):
            ray.cancel(self._task, force=True)


class _Reports:
    """What all tasks report, read at once: asking for each alone would keep the board busy."""

    def __init__(self) -> None:
        self.board: Any = _Board.options(num_cpus=0, max_restarts=-1).remote()  # type: ignore[attr-defined]
        self._lock = threading.Lock()
        self._read: Mapping[str, _Report] = {}
        self._again = 0.0

    def read(self, key: str) -> _Report | None:
        """Return how far a task is; None where that is not known."""
        with self._lock:
            if time.monotonic() >= self._again:
                # The board's machine may be lost as well: it begins again elsewhere, with
                # nothing on it.
                with contextlib.suppress(exceptions.RayError):
                    self._read = ray.get(self.board.read.remote())
                self._again = time.monotonic() + _READ_SECONDS
            return self._read.get(key)

    def forget(self, key: str) -> None:
        """Drop the report of a task that has ended."""
        self.board.forget.remote(key)


@ray.remote
class _Board:
    """Where tasks write how far they are, for whoever shows it."""

    def __init__(self) -> None:
        self._reports: dict[str, _Report] = {}

    def tell(self, key: str, report: _Report) -> None:
        self._reports[key] = report

    def read(self) -> dict[str, _Report]:
        return self._reports

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
    return f"the task on the cluster was begun {RETRIES + 1} times and {why} each time"
