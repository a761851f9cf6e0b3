"""What was read of a store stands for some seconds, and longer where the store cannot be read."""

import pytest

from embstore.errors import StoreError
from embstore.ingestion import recently
from embstore.ingestion.recently import Recently


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(recently, "time", made)
    return made


def test_it_is_read_again_after_ten_seconds_or_twenty_times_what_reading_takes(
    clock: Clock,
) -> None:
    takes, reads = 0.0, 0

    def read() -> int:
        nonlocal reads
        reads += 1
        clock.now += takes
        return reads

    content = Recently(read)
    found = []
    for after in (0.0, 9.9, 0.2):
        clock.now += after
        found.append(content.get())
    assert found == [1, 1, 2]
    takes = 3.0
    for after in (10.1, 59.9, 0.2):
        clock.now += after
        found.append(content.get())
    assert found[3:] == [3, 3, 4]


def test_a_store_that_cannot_be_read_is_as_it_was_and_is_not_waited_for_each_time(
    clock: Clock,
) -> None:
    answers: list[int | StoreError] = [StoreError("held"), 1, StoreError("held"), 2]

    def read() -> int:
        answer = answers.pop(0)
        if isinstance(answer, StoreError):
            raise answer
        return answer

    content = Recently(read)
    with pytest.raises(StoreError, match="held"):
        content.get()
    assert content.get() == 1
    clock.now += 11
    assert (content.get(), content.get(), len(answers)) == (1, 1, 1)
    clock.now += 11
    assert content.get() == 2
