"""Work in children of this process, which have all that it has imported."""

import contextlib
import io
import os
import pickle
import signal
from collections.abc import Callable, Iterable
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
    # Whatever happens, a child goes no further than this.
    try:
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                outcome = pickle.dumps((function(), None))
        except BaseException as error:
            outcome = pickle.dumps((None, f"{type(error).__name__}: {error}"))
        with os.fdopen(writing, "wb") as stream:
            stream.write(outcome)
        os._exit(0)
    finally:
        os._exit(1)


def result(child: int, pipe: int) -> Any:
    """Wait for a child, and return what its function returned.

    Raises:
        RuntimeError: it raised something, or died.
    """
    return results([(child, pipe)])[0]


def results(begun: Iterable[tuple[int, int]]) -> list[Any]:
    """Wait for all of some children, and return what their functions returned.

    Raises:
        RuntimeError: one of them raised something, or died.
    """
    ended = [_outcome(*one) for one in begun]
    for _, error in ended:
        if error is not None:
            raise RuntimeError(error)
    return [value for value, _ in ended]


def _outcome(child: int, pipe: int) -> tuple[Any, str | None]:
    with os.fdopen(pipe, "rb") as stream:
        written = stream.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return None, f"a child was ended by {signal.Signals(-code).name}"
    if code > 0:
        return None, f"a child ended with status {code}"
    value, error = pickle.loads(written)
    return value, error
