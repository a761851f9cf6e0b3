"""Workers keep order, limit linear algebra to one thread each, and pass errors on."""

import time
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_info

from embstore.parallel import workers


def blas_threads() -> set[int]:
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


def test_results_come_in_order() -> None:
    def work(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    with workers() as pool:
        assert list(pool.map(work, [0.05, 0.0, 0.02])) == [0.05, 0.0, 0.02]


def test_linear_algebra_has_one_thread_meanwhile_and_its_own_number_after() -> None:
    before = blas_threads()
    with workers() as pool:
        assert list(pool.map(lambda _: blas_threads(), range(3))) == [{1}] * 3
    assert blas_threads() == before


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
