"""Carries out a series at several places at once, and gives the outcomes in its order.

Each place, a device or a machine of a cluster, has a thread here, which takes the next checkpoint
that is prepared, has it measured there, and stores it. Whoever asks for the outcomes hears of
progress in his own thread.
"""

import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

from embstore.checkpoints.located import Located
from embstore.ingestion.copies_in_turn import CopiesInTurn
from embstore.ingestion.one_checkpoint import Job, Place, Result
from embstore.ingestion.outcome import Outcome
from embstore.ingestion.prefetch import Preparation, Prepared
from embstore.ingestion.series import Series
from embstore.ingestion.stopped import Stopped
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


class Elsewhere(Protocol):
    """Measures checkpoints in another process, one at a time."""

    @property
    def device(self) -> str:
        """On which models run."""

    @property
    def n_workers(self) -> int:
        """Layers measured side by side."""

    def measure(self, prepared: Prepared, job: Job, progress: Progress) -> Result:
        """Measure a job of a checkpoint, as ``measure_job`` does.

        Raises:
            MeasurementError: it failed.
            Stopped: ``end`` was called.
        """

    def end(self) -> None:
        """End what is being measured, and measure nothing more."""


def side_by_side(
    series: Series,
    preparation: Preparation,
    places: Sequence[Elsewhere],
    watching: Sequence[Callable[[], Progress]],
) -> Generator[tuple[Located | None, Outcome], None, None]:
    """Carry out every checkpoint of a series, as many at once as there are places.

    Args:
        series: what to carry out.
        preparation: prepares its checkpoints, without their weights.
        places: where they are measured.
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
    lanes = [_Lane(place, shared) for place in places]
    for lane in lanes:
        lane.start()
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
    """What the threads of all places share."""

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
    """A place: the thread that stores what is measured there."""

    def __init__(self, place: Elsewhere, shared: _Shared) -> None:
        self._place = place
        self._shared = shared
        self._idle = threading.Event()
        self._idle.set()

    def start(self) -> None:
        """Begin with the first checkpoint that is prepared."""
        # Waiting for a download cannot be stopped, and must not keep Python from ending.
        threading.Thread(target=self._work, name="device", daemon=True).start()

    def end(self) -> None:
        """End what is measured there, also in the middle of a job."""
        self._place.end()

    def wait(self) -> None:
        """Wait until a run that is measured is stored."""
        self._idle.wait(_STORING_SECONDS)

    def _work(self) -> None:
        # Ctrl-C is for the main thread. A process inherits what its thread does not hear.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            while (found := self._shared.next()) is not None:
                self._idle.clear()
                try:
                    self._carry_out(*found)
                finally:
                    self._shared.copies.end(found[0])
                    self._idle.set()
        except Stopped:
            pass
        except BaseException as error:
            self._shared.events.put(error)

    def _carry_out(self, index: int, prepared: Prepared) -> None:
        events, copies = self._shared.events, self._shared.copies

        def progress(*report: *tuple[str, int, int]) -> None:
            events.put(_Progressed(index, report))

        def measure(job: Job, progress: Progress) -> Result:
            result = self._place.measure(prepared, job, progress)
            copies.wait(index)
            return result

        place = Place(self._place.device, measure, self._place.n_workers)
        located, outcome = self._shared.series.carry_out(prepared, place, progress)
        events.put(_Finished(index, located, outcome))
