"""Of checkpoints with the same weights the first of the series goes first."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from embstore.checkpoints.locate import locate
from embstore.checkpoints.located import Located
from embstore.ingestion import copies_in_turn
from embstore.ingestion.copies_in_turn import CopiesInTurn


@pytest.fixture
def located(tiny_llama: Path) -> Located:
    return locate(str(tiny_llama))


def waits(copies: CopiesInTurn, index: int) -> threading.Thread:
    thread = threading.Thread(target=copies.wait, args=(index,), daemon=True)
    thread.start()
    thread.join(0.2)
    return thread


def test_only_an_earlier_one_with_the_same_weights_is_waited_for(located: Located) -> None:
    copies = CopiesInTurn()
    other = replace(located, checkpoint=replace(located.checkpoint, weights_sha256="f" * 64))
    for index, one in enumerate([located, other, None, located]):
        copies.begin(index, one)
    for index in range(3):
        copies.wait(index)
    last = waits(copies, 3)
    assert last.is_alive()
    copies.end(1)
    copies.end(0)
    last.join(30)
    assert not last.is_alive()


def test_at_the_end_an_earlier_one_is_waited_for_until_it_ends(located: Located) -> None:
    copies = CopiesInTurn()
    for index in range(2):
        copies.begin(index, located)
    copies.stop()
    copies.wait(0)
    # The first may be just being stored.
    last = waits(copies, 1)
    assert last.is_alive()
    copies.end(0)
    last.join(4)
    assert not last.is_alive()


def test_at_the_end_nobody_is_kept_waiting_for_long(
    located: Located, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies_in_turn, "_ENDING_SECONDS", 0.01)
    copies = CopiesInTurn()
    for index in range(2):
        copies.begin(index, located)
    copies.stop()
    copies.wait(1)
