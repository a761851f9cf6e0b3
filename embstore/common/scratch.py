"""Arrays that a thread uses again: fresh memory costs as much in page faults as arithmetic."""

import threading
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.floating)

_held = threading.local()


def scratch(name: str, shape: tuple[int, int], dtype: type[Number]) -> NDArray[Number]:
    """Return this thread's array of a name, with whatever was in it.

    It is overwritten when the same thread asks for the name again, and freed when the
    thread ends.
    """
    size = shape[0] * shape[1]
    held: NDArray[Number] | None = getattr(_held, name, None)
    if held is None or held.size < size or held.dtype != dtype:
        held = np.empty(size, dtype=dtype)
        setattr(_held, name, held)
    return held[:size].reshape(shape)
