"""Products of float32 on a device, in all of float32's digits."""

import contextlib
import threading
from collections.abc import Callable, Iterator


class _Switch:
    """The process's one switch, which goes back when the last thread needs it no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_users = 0
        self._turn_back: Callable[[], None] = lambda: None

    def take(self) -> None:
        """Turn it, if no other thread has."""
        with self._lock:
            if self._n_users == 0:
                self._turn_back = _turned()
            self._n_users += 1

    def leave(self) -> None:
        """Turn it back, if no other thread needs it."""
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._turn_back()


_SWITCH = _Switch()


@contextlib.contextmanager
def all_of_float32() -> Iterator[None]:
    """Compute float32 products in float32: TF32 and bfloat16 keep 3 digits of 7.

    Several threads may do so at the same time.
    """
    _SWITCH.take()
    try:
        yield
    finally:
        _SWITCH.leave()


def _turned() -> Callable[[], None]:
    """Turn torch's switch, and return what turns it back."""
    # Imported late: who only asks, or measures on a CPU, needs no torch here.
    import torch

    matmul = torch.backends.cuda.matmul
    exact: bool | str
    try:
        switch, before, exact = "allow_tf32", matmul.allow_tf32, False
    except RuntimeError:
        # Someone set it by its newer name, after which reading the older one raises.
        switch, before, exact = "fp32_precision", matmul.fp32_precision, "ieee"
    if before == exact:
        # Not even set again: who has used one of both names cannot use the other any more.
        return lambda: None
    setattr(matmul, switch, exact)
    return lambda: setattr(matmul, switch, before)
