"""Carries out a series at several places at once, and gives the outcomes in its order.

Each place, a device or a machine of a cluster, has a thread here, which takes the next checkpoint
that is prepared, has it measured there, and stores it. Whoever asks for the outcomes hears of
progress in his own thread. Places are opened when the first checkpoint is to be measured; those
before it are stored already, or have failed, and need none.
"""

import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
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
    open_places: Callable[[], Sequence[Elsewhere]],
    watching: Sequence[Callable[[], Progress]],
) -> Generator[tuple[Located | None, Outcome], None, None]:
    """Carry out every checkpoint of a series, as many at once as there are places.

    Args:
        series: what to carry out.
        preparation: prepares its checkpoints, without their weights.
        open_places: opens the places where they are measured; called once, in this thread, if any
            is to be measured.
        watching: for each checkpoint what to call when it is begun; what that returns is called
            as (stage, done, total) meanwhile.

    Yields:
        What became of each, in the order of the series, as soon as it and those before it are
        stored.

    Raises:
        StoreError: the store can be used no more.
        UsageError: the places cannot be opened.
    """
    events: SimpleQueue[_Event] = SimpleQueue()
    shown: dict[int, Progress] = {}
    lanes: list[_Lane] = []

    def announce(index: int) -> None:
        if lanes:
            events.put(_Begun(index))
        else:
            # As long as this thread asks for them itself.
            shown[index] = watching[index]()

    coming = enumerate(preparation.one_ahead(announce))
    for first, prepared in coming:
        if series.is_to_measure(prepared):
            break
        yield series.carry_out(prepared, None, shown.pop(first))
    else:
        return
    shared = _Shared(series, chain([(first, prepared)], coming), events)
    del prepared
    lanes += [_Lane(place, shared) for place in open_places()]
    try:
        for lane in lanes:
            lane.start()
        yield from _in_order(events, range(first, len(watching)), watching, shown)
    finally:
        shared.stop()
        for lane in lanes:
            lane.end()
        for lane in lanes:
            lane.wait()


def _in_order(
    events: "SimpleQueue[_Event]",
    indices: range,
    watching: Sequence[Callable[[], Progress]],
    shown: dict[int, Progress],
) -> Generator[tuple[Located | None, Outcome], None, None]:
    """Show how far checkpoints are, and yield what became of each as soon as its turn comes."""
    finished: dict[int, _Finished] = {}
    for index in indices:
        while index not in finished:
            event = events.get()
            if isinstance(event, _Begun):
                shown[event.index] = watching[event.index]()
            elif isinstance(event, _Progressed):
                shown[event.index](*event.report)
            elif isinstance(event, _Finished):
                finished[event.index] = event
                # What it shows with is not needed any more.
                del shown[event.index]
            else:
                raise event
        done = finished.pop(index)
        yield done.located, done.outcome


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
