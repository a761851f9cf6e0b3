"""Works on layers side by side: one worker per core, one linear-algebra thread each.

Two workers with one BLAS thread scale about twofold; one worker with two does not,
because small products leave its threads waiting for each other.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

# More workers than this wait for memory, not for a core.
_MAX_WORKERS = 16


class Workers:
    """A pool of threads for compiled work that releases the interpreter's lock."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._controller = ThreadpoolController()

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the results in the order of the items, each as soon as it is there.

        The linear algebra of the whole process runs on one thread per call meanwhile.
        """
        with self._controller.limit(limits=1, user_api="blas"):
            yield from self._pool.map(work, items)


@contextlib.contextmanager
def workers() -> Iterator[Workers]:
    """Start one worker per core this process may use; stop them at the end."""
    affinity = getattr(os, "sched_getaffinity", None)
    n_cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    with ThreadPoolExecutor(min(n_cores, _MAX_WORKERS)) as pool:
        try:
            yield Workers(pool)
        except BaseException:
            # Ctrl-C should not wait for layers that nobody wants any more.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
