"""How much of the time measuring takes, by a clock that is told."""

import random

import pytest

from embstore.ingestion.training import budget
from embstore.ingestion.training.budget import Budget


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    told = Clock()
    monkeypatch.setattr(budget, "time", told)
    return told


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
@pytest.mark.parametrize("least", [1.0, 0.25])
def test_the_share_is_kept(share: float, least: float, clock: Clock) -> None:
    costs = random.Random(0)
    spent = Budget(share)
    clock.now += 2.0
    spent.prepare(2.0)
    n_measured = 0
    for _ in range(50_000):
        clock.now += 0.1
        if not spent.allows():
            spent.skip()
            continue
        cost = costs.uniform(least, 1.0)
        clock.now += cost
        spent.add(cost)
        n_measured += 1
        # The first was not known to cost so much, nor is one that takes longer than all before.
        if n_measured > 1 and least == 1.0:
            assert spent.overhead <= share + 1e-12
    assert spent.overhead <= share
    # And it is made use of: what is left would not do for one more.
    assert spent.overhead > share - 1.1 / clock.now


def test_what_was_left_out_is_counted_up_to_the_next(clock: Clock) -> None:
    spent = Budget(0.5)
    assert spent.allows()
    clock.now += 1.0
    spent.add(1.0)
    assert not spent.allows()
    spent.skip()
    spent.skip()
    assert spent.skipped == 2
    # One more second makes two of four.
    clock.now += 2.0
    assert spent.allows()
    spent.add(1.0)
    assert spent.skipped == 0


def test_no_limit_allows_all(clock: Clock) -> None:
    spent = Budget(None)
    spent.add(10.0)
    assert spent.allows()
    assert spent.overhead == 1.0
