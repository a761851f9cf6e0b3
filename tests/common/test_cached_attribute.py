"""Attributes computed once, side by side."""

import threading

from embstore.common.cached_attribute import cached_attribute


class Held:
    """Counts how often it computes."""

    def __init__(self, meeting: threading.Barrier | None = None) -> None:
        self.meeting = meeting
        self.computed = 0

    @cached_attribute
    def value(self) -> int:
        """What is held."""
        self.computed += 1
        if self.meeting is not None:
            self.meeting.wait(timeout=20)
        return 7


def test_a_value_is_computed_once_and_kept() -> None:
    held = Held()
    assert (held.value, held.value) == (7, 7)
    assert held.computed == 1
    assert Held.value.__doc__ == "What is held."


def test_two_objects_compute_at_the_same_time() -> None:
    """Each waits within its computation for the other: with a lock neither would end."""
    meeting = threading.Barrier(2)
    objects = [Held(meeting), Held(meeting)]
    threads = [threading.Thread(target=lambda one=one: one.value) for one in objects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not meeting.broken
    assert [one.__dict__["value"] for one in objects] == [7, 7]
