"""Products of float32 on a device, in all of float32's digits."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

# A part without a setting of its own, where none is made for all parts, is exact, too.
_EXACT = ("ieee", "none")


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
    """Compute float32 products and convolutions in float32: TF32 and bfloat16 keep 3 digits of 7.

    A training may have allowed them, and torch allows convolutions TF32 by itself. Several threads
    may do so at the same time.
    """
    _SWITCH.take()
    try:
        yield
    finally:
        _SWITCH.leave()


def _turned() -> Callable[[], None]:
    """Turn torch's switches, and return what turns them back."""
    # Imported late: who only asks, or measures on a CPU, needs no torch here.
    import torch

    # Each is set only if it has to be, and by its older name where that can be read: who has set
    # one of both names to something else cannot read the other any more.
    newer = [(part, part.fp32_precision) for part in _parts(torch.backends)]
    older: list[Callable[[], None]] = []
    with contextlib.suppress(RuntimeError):
        matmul = torch.get_float32_matmul_precision()
        if matmul != "highest":
            torch.set_float32_matmul_precision("highest")
            older.append(lambda: torch.set_float32_matmul_precision(matmul))
    with contextlib.suppress(RuntimeError):
        if torch.backends.cudnn.allow_tf32:
            torch.backends.cudnn.allow_tf32 = False
            older.append(lambda: setattr(torch.backends.cudnn, "allow_tf32", True))
    for part, _ in newer:
        if part.fp32_precision not in _EXACT:
            part.fp32_precision = "ieee"

    def turn_back() -> None:
        for again in older:
            again()
        for part, before in newer:
            if part.fp32_precision != before:
                # First as it is without a setting of its own, which may be that of all parts.
                part.fp32_precision = "none"
                if part.fp32_precision != before:
                    part.fp32_precision = before

    return turn_back


def _parts(backends: Any) -> list[Any]:
    """Return what has a precision of its own; before torch 2.9 nothing has."""
    libraries = {"cuda": ("matmul",), "cudnn": ("conv", "rnn"), "mkldnn": ("matmul", "conv", "rnn")}
    parts = [
        getattr(getattr(backends, library, None), kind, None)
        for library, kinds in libraries.items()
        for kind in kinds
    ]
    return [part for part in parts if hasattr(part, "fp32_precision")]
