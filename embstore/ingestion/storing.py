"""Stores runs that are measured at about the same time in one transaction.

Opening a store and closing it takes longer than writing a run of usual size. So one thread writes
for all that wait, and meanwhile the next ones gather. One, too, because DuckDB leaves memory behind
in each thread that it has worked in.
"""

import copy
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from embstore.store.database import Database
from embstore.store.spool import Kept, store_or_keep
from embstore.store.writing import write_runs
from embstore.types import Run


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A run to store, and its id once it is; None if that failed."""

    run: Run
    stored: "Future[str | None]" = field(default_factory=Future)


class Storing:
    """Where the threads of an ingest bring their runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Where another process holds the store, each run is put in a file before it waits.
        self._at_once = copy.copy(database)
        self._at_once.timeout = 0.0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="storing")
        self._changing = threading.Lock()
        self._waiting: list[_Waiting] = []

    def store(self, run: Run, *, wait: Callable[[], None] = lambda: None) -> str | Kept:
        """Store a run, together with those of other threads; if that fails, keep it in a file.

        Args:
            run: what was measured.
            wait: called before waiting long for a locked store.

        Returns:
            Its id in the store, or where it is kept.

        Raises:
            StoreError: it could be neither stored nor kept.
        """
        # Ctrl-C, which reaches the main thread only, must not lose what others have brought.
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main and (run_id := self._with_others(run)):
            return run_id
        return store_or_keep(self._database, run, wait=wait)

    def _with_others(self, run: Run) -> str | None:
        """Store a run with those of other threads, and return its id; None if that failed."""
        mine = _Waiting(run)
        with self._changing:
            self._waiting.append(mine)
        self._writer.submit(self._write_all)
        return mine.stored.result()

    def _write_all(self) -> None:
        with self._changing:
            together, self._waiting = self._waiting, []
        if together:
            stored = self._write([one.run for one in together])
            for one, run_id in zip(together, stored, strict=True):
                one.stored.set_result(run_id)

    def _write(self, runs: Sequence[Run]) -> Sequence[str | None]:
        """Write all or none. Each then has its own try, in which what is wrong is dealt with."""
        try:
            return write_runs(self._at_once, runs, patient=False)
        except Exception:
            return [None] * len(runs)
