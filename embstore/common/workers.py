"""Works on layers side by side: one worker per core, one linear-algebra thread each.

Two workers with one BLAS thread scale about twofold; one worker with two does not,
because small products leave its threads waiting for each other.
"""

import contextlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

# More workers than this wait for memory, not for a core.
_MAX_WORKERS = 16


class Workers:
    """A pool of threads for compiled work that releases the interpreter's lock."""

    def __init__(self, pool: ThreadPoolExecutor, threads: int) -> None:
        self._pool = pool
        self._threads = threads
        self._controller = ThreadpoolController()

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the results in the order of the items, each as soon as it is there.

        The linear algebra of the whole process runs on the workers' number of threads per call
        meanwhile.
        """
        with self._controller.limit(limits=self._threads, user_api="blas"):
            yield from self._pool.map(work, items)


def n_workers(sharing: int = 1) -> int:
    """Count the workers: one per core this process may use, up to 16.

    Args:
        sharing: how many processes share the cores and measure at once.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    n_cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(max(n_cores // sharing, 1), _MAX_WORKERS)


@contextlib.contextmanager
def workers(n: int | None = None, *, threads: int = 1) -> Iterator[Workers]:
    """Start the workers; stop them at the end.

    Args:
        n: how many; None for ``n_workers()``.
        threads: of each, for linear algebra.
    """
    with ThreadPoolExecutor(n or n_workers()) as pool:
        try:
            yield Workers(pool, threads)
        except BaseException:
            # Ctrl-C should not wait for layers that nobody wants any more.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """Yield the items, each next one being made in a thread while the last is used.

    No more than two are there at a time. What making one raises is raised here; closing
    the generator waits for the item being made, and ends the thread.
    """
    iterator = iter(items)

    def make() -> list[Item]:
        # In a list, which is emptied below: the future, which keeps it, then keeps no item.
        return list(islice(iterator, 1))

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        coming = pool.submit(make)
        while made := coming.result():
            coming = pool.submit(make)
            yield made.pop()
