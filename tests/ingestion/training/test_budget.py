import pytest

from embstore.errors import UsageError
from embstore.ingestion.training.budget import Budget


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("embstore.ingestion.training.budget.time.perf_counter", clock)
    return clock


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_measuring_takes_no_more_than_its_share(clock: Clock, share: float) -> None:
    budget = Budget(share)
    made = 0
    for step in range(5000):
        clock.now += 0.1
        if budget.allows():
            # Costs that vary, and grow no larger than the first.
            cost = 2.0 if step == 0 else 0.5 + 1.5 * (step % 7) / 7
            clock.now += cost
            budget.add(cost)
            made += 1
            # After the first, which is always made, and until it is paid for.
            assert made == 1 or budget.overhead <= share + 1e-9
        else:
            budget.skip()
    assert made > 1
    # And not much less: the share is used.
    assert budget.overhead > share - 2.0 / (clock.now - 100)


def test_the_first_is_always_made_and_preparing_counts(clock: Clock) -> None:
    budget = Budget(0.1)
    clock.now += 5
    budget.prepare(5)
    assert budget.allows()
    clock.now += 1
    budget.add(1)
    assert budget.spent == 6
    assert budget.overhead == 1
    # Six seconds spent, and one more to come: a tenth of seventy.
    clock.now = 100 + 68.9
    assert not budget.allows()
    clock.now = 100 + 69.1
    assert budget.allows()


def test_what_is_left_out_is_counted_until_one_is_made(clock: Clock) -> None:
    budget = Budget(None)
    budget.skip()
    budget.skip()
    assert budget.skipped == 2
    budget.add(1)
    assert budget.skipped == 0


def test_without_a_limit_all_are_made(clock: Clock) -> None:
    budget = Budget(None)
    budget.add(1000)
    assert budget.allows()


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan"), "0.05", True])
def test_what_is_no_share_is_refused(share: object) -> None:
    with pytest.raises(UsageError, match="max_overhead is"):
        Budget(share)  # type: ignore[arg-type]
