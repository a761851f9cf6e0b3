"""Workers keep order, limit linear algebra to one thread each, and pass errors on."""

import contextlib
import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from embstore.common.workers import ahead, n_workers, workers


def blas_threads() -> set[int]:
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


def test_results_come_in_order() -> None:
    def work(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    with workers() as pool:
        assert list(pool.map(work, [0.05, 0.0, 0.02])) == [0.05, 0.0, 0.02]


def test_linear_algebra_has_one_thread_meanwhile_and_its_own_number_after() -> None:
    with threadpool_limits(2, user_api="blas"):
        with workers() as pool:
            assert list(pool.map(lambda _: blas_threads(), range(3))) == [{1}] * 3
        assert blas_threads() == {2}


def test_workers_may_have_several_threads_each() -> None:
    with threadpool_limits(8, user_api="blas"):
        with workers(2, threads=3) as pool:
            assert list(pool.map(lambda _: blas_threads(), range(2))) == [{3}] * 2
        assert blas_threads() == {8}


def test_an_error_ends_the_work_and_is_passed_on() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 0:
            raise ValueError("layer 0")
        time.sleep(0.01)
        done.append(item)

    def many() -> Iterator[int]:
        yield from range(1000)

    with pytest.raises(ValueError, match="layer 0"), workers() as pool:
        list(pool.map(work, many()))
    assert len(done) < 999


class Item:
    """A thing whose life can be watched."""

    def __init__(self, number: int) -> None:
        self.number = number


def counted(made: list[int], n: int) -> Iterator[Item]:
    for number in range(n):
        made.append(number)
        yield Item(number)


class TestAhead:
    def test_items_come_in_order_and_the_thread_ends(self) -> None:
        before = threading.active_count()
        assert [item.number for item in ahead(counted([], 50))] == list(range(50))
        assert list(ahead([])) == []
        assert threading.active_count() == before

    def test_one_item_is_made_while_another_is_used_and_no_more(self) -> None:
        made: list[int] = []
        with contextlib.closing(ahead(counted(made, 10))) as items:
            next(items)
            deadline = time.monotonic() + 5
            while len(made) < 2 and time.monotonic() < deadline:
                time.sleep(0.001)
            # Long enough for a third, were it made.
            time.sleep(0.02)
            assert made == [0, 1]

    def test_making_and_using_overlap(self) -> None:
        def slow() -> Iterator[int]:
            for number in range(5):
                time.sleep(0.04)
                yield number

        began = time.perf_counter()
        for _ in ahead(slow()):
            time.sleep(0.04)
        # One after the other they take 0.4 s, side by side 0.24 s.
        assert time.perf_counter() - began < 0.34

    def test_an_item_is_freed_once_it_is_used(self) -> None:
        items = ahead(counted([], 3))
        first = next(items)
        watched = weakref.ref(first)
        del first
        gc.collect()
        assert watched() is None
        assert [item.number for item in items] == [1, 2]

    def test_an_error_comes_after_the_items_before_it(self) -> None:
        def failing() -> Iterator[int]:
            yield 0
            raise ValueError("batch 1")

        before = threading.active_count()
        items = ahead(failing())
        assert next(items) == 0
        with pytest.raises(ValueError, match="batch 1"):
            next(items)
        assert threading.active_count() == before

    def test_closing_early_ends_the_thread_and_makes_nothing_more(self) -> None:
        before = threading.active_count()
        made: list[int] = []
        items = ahead(counted(made, 1000))
        next(items)
        items.close()
        assert threading.active_count() == before
        assert len(made) <= 2


def test_processes_that_measure_at_once_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(48)), raising=False)
    # More than 16 would wait for memory.
    assert [n_workers(sharing) for sharing in (1, 2, 4, 64)] == [16, 16, 12, 1]


def test_there_may_be_fewer_workers() -> None:
    with workers(1) as pool:
        threads = set(pool.map(lambda _: threading.current_thread().name, range(20)))
    assert len(threads) == 1
