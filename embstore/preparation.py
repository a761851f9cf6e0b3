"""Prepares checkpoints one ahead: the next is fetched and loaded while one is measured."""

import contextlib
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Literal

import psutil

from embstore import hub
from embstore.checkpoints import Candidate
from embstore.errors import StoreError
from embstore.loading import Weights, read_weights
from embstore.locate import Located, fetch_weights, locate_files
from embstore.memory import estimate
from embstore.outline import model_shape
from embstore.planning import Plan, Sources, plan, plan_extent
from embstore.settings import Settings

Stage = Literal["locate", "plan", "fetch", "load", "measure"]


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


class Preparation:
    """Prepares the checkpoints of an ingest in a thread, in their order.

    Downloads that are measured are deleted there too, between two downloads, so that no
    file is deleted that the next checkpoint is about to share.
    """

    def __init__(self, sources: Sources, settings: Settings) -> None:
        self._sources = sources
        self._settings = settings
        self._done: SimpleQueue[Located] = SimpleQueue()

    def one_ahead(self, announce: Callable[[int], None]) -> Generator[Prepared, None, None]:
        """Yield every checkpoint, the next one being prepared while one is used.

        Args:
            announce: called with a checkpoint's index before it is waited for.

        Raises:
            StoreError: the store cannot be asked what it holds.
        """
        pool = ThreadPoolExecutor(1, thread_name_prefix="preparation")
        try:
            candidates = self._sources.candidates
            coming = pool.submit(self._prepare, candidates[0], beside_another=False)
            for index in range(len(candidates)):
                announce(index)
                ready = coming.result()
                if index + 1 < len(candidates):
                    following = candidates[index + 1]
                    # With nothing to measure here there is no model beside the next.
                    coming = pool.submit(self._prepare, following, beside_another=True)
                yield ready
                del ready
            pool.submit(self._delete_downloads).result()
        finally:
            # Ctrl-C should not wait for a download that nobody wants any more.
            pool.shutdown(wait=False, cancel_futures=True)

    def release(self, located: Located) -> None:
        """Let the files go that were downloaded for a checkpoint, if that was asked for."""
        if self._settings.evict and located.snapshot is not None and located.download_bytes:
            self._done.put(located)

    def _prepare(self, candidate: Candidate, *, beside_another: bool) -> Prepared:
        self._delete_downloads()
        stage: Stage = "locate"
        planned = None
        try:
            located = locate_files(candidate, self._settings.permissions)
            stage = "plan"
            planned = plan(located, self._sources, self._settings)
            if planned.stored_run(self._settings):
                return Prepared(candidate, planned)
            stage = "fetch"
            fetch_weights(located)
            stage = "load"
            weights = None
            began = time.perf_counter()
            if not beside_another or self._has_room(planned):
                weights = read_weights(
                    located,
                    planned.model.config,
                    device=self._sources.device,
                    dtype=self._sources.dtype,
                )
            return Prepared(candidate, planned, weights, time.perf_counter() - began)
        except StoreError:
            raise
        except Exception as error:
            return Prepared(candidate, planned, trouble=Trouble(stage, error))

    def _has_room(self, planned: Plan) -> bool:
        """Tell whether a second model fits beside the one that is being measured."""
        # While a model is built in another dtype, transformers changes torch's default
        # for all threads; and an accelerator's memory is not known here.
        if self._sources.device.type != "cpu" or self._sources.dtype.itemsize != 4:
            return False
        extent = plan_extent(planned, self._sources.dtype.itemsize, self._settings)
        need = estimate(model_shape(planned.model), extent).total
        # The one that is measured may have hardly begun to need its own share.
        return bool(psutil.virtual_memory().available > 2 * need)

    def _delete_downloads(self) -> None:
        while not self._done.empty():
            snapshot = self._done.get().snapshot
            if snapshot is not None:
                # Not worth failing for: the files stay in the Hub's cache.
                with contextlib.suppress(OSError):
                    hub.evict(snapshot.repository, snapshot.commit)
