"""Work in children of this process, which have all that it has imported."""

import contextlib
import io
import os
import pickle
from collections.abc import Callable
from typing import Any


def in_child(function: Callable[[], object]) -> Any:
    """Return what a function returns in a child, or raise what it raises there."""
    return result(*begin(function))


def begin(function: Callable[[], object]) -> tuple[int, int]:
    """Start a function in a child; return its process id and where it writes its result."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    outcome: tuple[object, str | None]
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            outcome = function(), None
    except BaseException as error:
        outcome = None, f"{type(error).__name__}: {error}"
    with os.fdopen(writing, "wb") as stream:
        stream.write(pickle.dumps(outcome))
    os._exit(0)


def result(child: int, pipe: int) -> Any:
    """Wait for a child, and return what its function returned.

    Raises:
        RuntimeError: it raised something.
    """
    with os.fdopen(pipe, "rb") as stream:
        written = stream.read()
    os.waitpid(child, 0)
    value, error = pickle.loads(written)
    if error is not None:
        raise RuntimeError(error)
    return value
