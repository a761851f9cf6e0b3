"""Prepares checkpoints one ahead: the next is fetched and loaded while one is measured."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from typing import Literal, TypeVar

from embstore.checkpoints import hub
from embstore.checkpoints.find import Candidate
from embstore.checkpoints.locate import fetch_weights, fingerprinted, locate_files
from embstore.checkpoints.located import Located
from embstore.common.memory import free_memory
from embstore.errors import StoreError
from embstore.ingestion.memory_estimate import estimate
from embstore.ingestion.one_checkpoint import wanted_beside
from embstore.ingestion.plan import Plan, plan, plan_extent
from embstore.ingestion.request import Settings
from embstore.ingestion.resources import Resources
from embstore.models.description import model_size
from embstore.models.load import Weights, read_weights

Result = TypeVar("Result")
Stage = Literal["locate", "plan", "fetch", "load", "measure"]
_Commit = tuple[str, str]


@dataclass(frozen=True)
class Trouble:
    """What keeps a checkpoint from being measured, and how far it came."""

    stage: Stage
    error: Exception


@dataclass(frozen=True, eq=False)
class Prepared:
    """A checkpoint that can be measured, or why not.

    Attributes:
        candidate: which.
        planned: its work; None if that could not be told.
        weights: read already; None if there was no need, or no room beside another model.
        load_seconds: what reading them took.
        trouble: what went wrong; None if nothing did.
    """

    candidate: Candidate
    planned: Plan | None = None
    weights: Weights | None = None
    load_seconds: float = 0.0
    trouble: Trouble | None = None

    @property
    def located(self) -> Located | None:
        """Where its files are; None if they were not found, or do not fit what is asked."""
        return self.planned.model.located if self.planned else None


class Preparation:
    """Prepares the checkpoints of an ingest in a thread, in their order.

    Downloads that are measured are deleted there too, between two downloads, so that no
    file is deleted that the next checkpoint is about to share.
    """

    def __init__(self, resources: Resources, settings: Settings) -> None:
        self._resources = resources
        self._settings = settings
        # On a cluster each machine fetches what it measures, and each of several processes, one a
        # device, reads the weights.
        self._fetches = settings.ray is None
        self._reads_weights = self._fetches and len(resources.devices) == 1
        # Touched by the thread only: how many prepared checkpoints use a commit of a
        # repository, and of which measured ones what was downloaded.
        self._users: Counter[_Commit] = Counter()
        self._measured: dict[_Commit, Located] = {}
        self._released: SimpleQueue[tuple[Located, bool]] = SimpleQueue()

    def one_ahead(self, announce: Callable[[int], None]) -> Generator[Prepared, None, None]:
        """Yield every checkpoint, the next one being prepared while one is used.

        Args:
            announce: called with a checkpoint's index before it is waited for.

        Raises:
            StoreError: the store cannot be asked what it holds, or not be written to.
        """
        candidates = self._resources.candidates
        if not candidates:
            return
        coming = _in_thread(partial(self._prepare, candidates[0], beside_another=False))
        for index in range(len(candidates)):
            announce(index)
            ready = coming.result()
            if index + 1 < len(candidates):
                following = candidates[index + 1]
                coming = _in_thread(partial(self._prepare, following, beside_another=True))
            yield ready
            # Drop the reference: it would keep the weights in memory meanwhile.
            del ready

    def release(self, located: Located, *, measured: bool) -> None:
        """Say that a checkpoint is done with; if it is measured, its downloads may be deleted."""
        self._released.put((located, measured))

    def finish(self) -> None:
        """Delete the last downloads, now that every checkpoint is done with."""
        _in_thread(self._delete_downloads).result()

    def _prepare(self, candidate: Candidate, *, beside_another: bool) -> Prepared:
        stage: Stage = "locate"
        planned = None
        try:
            self._delete_downloads()
            located = locate_files(candidate, self._resources.permissions)
            self._users.update(_parts(located).keys())
            stage = "plan"
            planned = plan(located, self._resources, self._settings.of(candidate))
            if planned.stored_run(self._settings):
                return Prepared(candidate, planned)
            self._resources.stored.prepare()
            stage = "fetch"
            if self._fetches:
                fetch_weights(located)
                located = fingerprinted(located)
                planned = replace(planned, model=replace(planned.model, located=located))
            stage = "load"
            weights = None
            began = time.perf_counter()
            if self._reads_weights and (not beside_another or self._may_read(planned)):
                weights = read_weights(
                    located,
                    planned.model.config,
                    device=self._resources.devices[0],
                    dtype=self._resources.dtype,
                    beside=wanted_beside(planned.task.measured),
                )
            return Prepared(candidate, planned, weights, time.perf_counter() - began)
        except StoreError:
            raise
        except Exception as error:
            return Prepared(candidate, planned, trouble=Trouble(stage, error))

    def _may_read(self, planned: Plan) -> bool:
        """Tell whether weights can be read, or drawn, while another model is measured."""
        # What is drawn, and what the other model draws as it runs, come from one generator, whose
        # state the other puts back.
        drawn = planned.model.located.init_seed is not None
        return not drawn and self._has_room(planned)

    def _has_room(self, planned: Plan) -> bool:
        """Tell whether a second model fits beside the one that is being measured."""
        # While a model is built in another dtype, transformers changes torch's default
        # for all threads; and an accelerator's memory is not known here.
        if self._resources.devices[0].type != "cpu" or self._resources.dtype.itemsize != 4:
            return False
        extent = plan_extent(planned, self._resources.dtype.itemsize, self._settings)
        need = estimate(model_size(planned.model), extent).total
        # Twice, because the checkpoint being measured may not have taken its memory yet.
        return free_memory() > 2 * need

    def _delete_downloads(self) -> None:
        """Delete downloads of measured checkpoints that no other prepared checkpoint uses."""
        while not self._released.empty():
            located, measured = self._released.get()
            parts = _parts(located)
            self._users.subtract(parts.keys())
            if measured and self._settings.evict and self._fetches:
                # An adapter or its base may have been here before, and stays.
                self._measured |= {key: part for key, part in parts.items() if part.downloads}
        for commit in [c for c in self._measured if self._users[c] < 1]:
            part = self._measured.pop(commit)
            # Not worth failing for: the files stay in the Hub's cache.
            with contextlib.suppress(Exception):
                if part.snapshot is not None:
                    hub.evict(part.snapshot, part.downloads)


def _parts(located: Located) -> dict[_Commit, Located]:
    """Return what of the Hub a checkpoint is made of: itself, and an adapter's base."""
    parts = [located, *([located.base] if located.base else [])]
    return {(p.snapshot.repository, p.snapshot.commit): p for p in parts if p.snapshot}


def _in_thread(work: Callable[[], Result]) -> "Future[Result]":
    """Start work in a thread that does not keep the interpreter from ending."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="preparation", daemon=True).start()
    return future
