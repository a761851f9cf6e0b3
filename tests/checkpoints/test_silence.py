"""Silence lasts until the last one inside has left, and then nothing of it is left."""

import threading

import pytest
import transformers
from transformers import modeling_gguf_pytorch_utils

from embstore.checkpoints.silence import quiet


def state() -> tuple[int, bool, object]:
    logging = transformers.utils.logging
    return (
        logging.get_verbosity(),
        logging.is_progress_bar_enabled(),
        modeling_gguf_pytorch_utils.tqdm,
    )


def test_everything_is_put_back() -> None:
    before = state()
    with quiet():
        verbosity, bars, tqdm = state()
        assert (verbosity, bars) == (transformers.logging.ERROR, False)
        assert list(tqdm([1, 2], desc="Converting")) == [1, 2]  # type: ignore[operator]
    assert state() == before


def test_one_thread_leaves_while_another_is_inside() -> None:
    before = state()
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with quiet():
            entered.set()
            leave.wait(10)

    with quiet():
        other = threading.Thread(target=stay)
        other.start()
        assert entered.wait(10)
    assert transformers.logging.get_verbosity() == transformers.logging.ERROR
    leave.set()
    other.join()
    assert state() == before


def test_an_error_inside_also_puts_everything_back() -> None:
    before = state()
    with pytest.raises(ZeroDivisionError), quiet():
        _ = 1 / 0
    assert state() == before
