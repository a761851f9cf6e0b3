"""Carries out a series on several devices at once, and gives the outcomes in its order.

Each device has a thread here, which takes the next checkpoint that is prepared, has it measured in
a process, and stores it. Whoever asks for the outcomes hears of progress in his own thread.
"""

import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from embstore.checkpoints.located import Located
from embstore.common.workers import n_workers
from embstore.ingestion.devices.copies_in_turn import CopiesInTurn
from embstore.ingestion.devices.process import DeviceProcess, Stopped
from embstore.ingestion.one_checkpoint import Job, Place, Result
from embstore.ingestion.outcome import Outcome
from embstore.ingestion.prefetch import Preparation, Prepared
from embstore.ingestion.series import Series
from embstore.measuring.checkpoint import Progress

# A run that is measured is being stored, or kept in a file if the store is locked: then waiting
# for that longer would not make it safer.
_STORING_SECONDS = 15.0


@dataclass(frozen=True)
class _Begun:
    index: int


@dataclass(frozen=True)
class _Progressed:
    index: int
    report: tuple[str, int, int]


@dataclass(frozen=True)
class _Finished:
    index: int
    located: Located | None
    outcome: Outcome


_Event = _Begun | _Progressed | _Finished | BaseException


def side_by_side(
    series: Series,
    preparation: Preparation,
    devices: Sequence[str],
    watching: Sequence[Callable[[], Progress]],
) -> Generator[tuple[Located | None, Outcome], None, None]:
    """Carry out every checkpoint of a series, as many at once as there are devices.

    Args:
        series: what to carry out.
        preparation: prepares its checkpoints, without their weights.
        devices: where models run; the same may be named more than once.
        watching: for each checkpoint what to call when it is begun; what that returns is called
            as (stage, done, total) meanwhile.

    Yields:
        What became of each, in the order of the series, as soon as it and those before it are
        stored.

    Raises:
        StoreError: the store can be used no more.
    """
    events: SimpleQueue[_Event] = SimpleQueue()
    coming = preparation.one_ahead(lambda index: events.put(_Begun(index)))
    shared = _Shared(series, enumerate(coming), events)
    lanes = [_Lane(DeviceProcess(name, sharing=len(devices)), name, shared) for name in devices]
    for lane in lanes:
        lane.start(n_workers(len(devices)))
    shown: dict[int, Progress] = {}
    finished: dict[int, _Finished] = {}
    try:
        for index in range(len(watching)):
            while index not in finished:
                event = events.get()
                if isinstance(event, _Begun):
                    shown[event.index] = watching[event.index]()
                elif isinstance(event, _Progressed):
                    shown[event.index](*event.report)
                elif isinstance(event, _Finished):
                    finished[event.index] = event
                else:
                    raise event
            done = finished.pop(index)
            yield done.located, done.outcome
    finally:
        shared.stop()
        for lane in lanes:
            lane.end()
        for lane in lanes:
            lane.wait()


class _Shared:
    """What the threads of all devices share."""

    def __init__(
        self,
        series: Series,
        coming: Iterator[tuple[int, Prepared]],
        events: "SimpleQueue[_Event]",
    ) -> None:
        self.series = series
        self.events = events
        self.copies = CopiesInTurn()
        self._coming = coming
        self._turn = threading.Lock()
        self._stopped = False

    def next(self) -> tuple[int, Prepared] | None:
        """Wait for the next checkpoint that nobody has taken; None if there is no more."""
        with self._turn:
            found = None if self._stopped else next(self._coming, None)
            if found is not None:
                self.copies.begin(found[0], found[1].located)
            return None if self._stopped else found

    def stop(self) -> None:
        """Take no further checkpoint, and wait for no other one."""
        self._stopped = True
        self.copies.stop()


class _Lane:
    """A device: the thread that stores what its process measures."""

    def __init__(self, process: DeviceProcess, device: str, shared: _Shared) -> None:
        self._process = process
        self._device = device
        self._shared = shared
        self._idle = threading.Event()
        self._idle.set()

    def start(self, workers: int) -> None:
        """Begin with the first checkpoint that is prepared."""
        # Waiting for a download cannot be stopped, and must not keep Python from ending.
        threading.Thread(target=self._work, args=(workers,), name="device", daemon=True).start()

    def end(self) -> None:
        """End the process, also in the middle of a job."""
        self._process.end()

    def wait(self) -> None:
        """Wait until a run that is measured is stored."""
        self._idle.wait(_STORING_SECONDS)

    def _work(self, workers: int) -> None:
        # Ctrl-C is for the main thread. A process inherits what its thread does not hear.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            while (found := self._shared.next()) is not None:
                self._idle.clear()
                try:
                    self._carry_out(*found, workers)
                finally:
                    self._shared.copies.end(found[0])
                    self._idle.set()
        except Stopped:
            pass
        except BaseException as error:
            self._shared.events.put(error)

    def _carry_out(self, index: int, prepared: Prepared, workers: int) -> None:
        events, copies = self._shared.events, self._shared.copies

        def progress(*report: *tuple[str, int, int]) -> None:
            events.put(_Progressed(index, report))

        def measure(job: Job, progress: Progress) -> Result:
            result = self._process.measure(job, progress)
            copies.wait(index)
            return result

        place = Place(self._device, measure, workers)
        outcome = self._shared.series.carry_out(prepared, place, progress)
        events.put(_Finished(index, prepared.located, outcome))
