"""Stores runs that are measured at about the same time in one transaction.

Opening a store and closing it takes longer than writing a run of usual size. So whoever is first
writes for all that wait, and meanwhile the next ones gather.
"""

import copy
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from embstore.store.connection import Database
from embstore.store.spool import Kept, store_or_keep
from embstore.store.writing import write_runs
from embstore.types import Run


@dataclass(eq=False)
class _Waiting:
    """A run to store; ``stored`` is None until somebody has tried."""

    run: Run
    stored: bool | None = None


class Storing:
    """Where the threads of an ingest bring their runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Where another process holds the store, each run is put in a file before it waits.
        self._at_once = copy.copy(database)
        self._at_once.timeout = 0.0
        self._turn = threading.Lock()
        self._changing = threading.Lock()
        self._waiting: list[_Waiting] = []

    def store(self, run: Run, *, wait: Callable[[], None] = lambda: None) -> Kept | None:
        """Store a run, together with those of other threads; if that fails, keep it in a file.

        Args:
            run: what was measured.
            wait: called before waiting long for a locked store.

        Returns:
            Where it is kept; None if it is stored.

        Raises:
            StoreError: it could be neither stored nor kept.
        """
        # Ctrl-C, which reaches the main thread only, must not lose what others have brought.
        if threading.current_thread() is not threading.main_thread() and self._with_others(run):
            return None
        return store_or_keep(self._database, run, wait=wait)

    def _with_others(self, run: Run) -> bool:
        """Tell whether a run could be stored at once."""
        mine = _Waiting(run)
        with self._changing:
            self._waiting.append(mine)
        with self._turn:
            if mine.stored is None:
                with self._changing:
                    together, self._waiting = self._waiting, []
                stored = self._write([one.run for one in together])
                for one in together:
                    one.stored = stored
        return bool(mine.stored)

    def _write(self, runs: Sequence[Run]) -> bool:
        """Write all or none. Each then has its own try, in which what is wrong is dealt with."""
        try:
            write_runs(self._at_once, runs, patient=False)
        except Exception:
            return False
        return True
