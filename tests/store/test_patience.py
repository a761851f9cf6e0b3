import pytest

from embstore.errors import StoreError, StoreUnreachableError
from embstore.store import patience
from embstore.store.patience import patiently


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(patience, "_LONGEST_PAUSE", 0.001)


def _passes(error: StoreError) -> bool:
    return isinstance(error, StoreUnreachableError)


def test_what_may_pass_is_tried_again() -> None:
    reasons = [StoreUnreachableError("away"), StoreUnreachableError("still away")]

    def work() -> str:
        if reasons:
            raise reasons.pop()
        return "done"

    assert patiently(work, 10, _passes) == "done"


def test_what_will_not_pass_is_told_at_once() -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise StoreError("no such database")

    with pytest.raises(StoreError, match="no such database"):
        patiently(work, 10, _passes)
    assert len(tries) == 1


def test_patience_ends_and_the_last_reason_is_told() -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise StoreUnreachableError(f"away, try {len(tries)}")

    with pytest.raises(StoreUnreachableError) as told:
        patiently(work, 0.05, _passes)
    assert len(tries) > 1
    assert str(told.value) == f"away, try {len(tries)}"
    # Without patience there is one try.
    with pytest.raises(StoreUnreachableError):
        patiently(work, 0, _passes)
