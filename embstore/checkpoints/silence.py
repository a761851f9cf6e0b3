"""Keeps the progress bars and advice of transformers and of the Hub's client off the terminal.

One module does both, in the lowest room that needs it: the switch for bars of transformers also
flips that of the Hub's client, so the two cannot be silenced apart while one thread fetches a
checkpoint and another loads the one before.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from logging import ERROR

import transformers
from huggingface_hub import logging as hub_logging
from transformers import modeling_gguf_pytorch_utils

_lock = threading.Lock()
# How many threads are inside, and how to undo what the first of them switched off.
_inside = 0
_undo: list[Callable[[], None]] = []


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence both libraries until the last of all threads inside has left.

    Standard error itself is left alone: other threads may be showing something on it.
    """
    global _inside
    with _lock:
        if not _inside:
            _silence()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                while _undo:
                    _undo.pop()()


def _silence() -> None:
    logging = transformers.utils.logging
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    _undo.append(lambda: logging.set_verbosity(verbosity))
    if logging.is_progress_bar_enabled():
        # The Hub's bars, too.
        logging.disable_progress_bar()
        _undo.append(logging.enable_progress_bar)
    hub_verbosity = hub_logging.get_verbosity()
    # Hide "Retrying in 1s": embstore says itself how it ended.
    hub_logging.set_verbosity(ERROR)
    _undo.append(lambda: hub_logging.set_verbosity(hub_verbosity))
    # The bar of GGUF conversion obeys neither switch.
    bar = getattr(modeling_gguf_pytorch_utils, "tqdm", None)
    if bar is not None:
        modeling_gguf_pytorch_utils.tqdm = _no_bar
        _undo.append(lambda: setattr(modeling_gguf_pytorch_utils, "tqdm", bar))


def _no_bar(items: Iterable[object], **_options: object) -> Iterable[object]:
    return items
