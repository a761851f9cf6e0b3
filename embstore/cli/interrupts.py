"""A second Ctrl-C ends the process, whatever it waits for; a request to end leaves nothing behind.

The first Ctrl-C raises KeyboardInterrupt, as Python does, once the main thread runs Python again.
It may be in DuckDB, read weights or wait for a thread, also at the very end of the process. So a
thread of its own hears of every signal, and does not wait at the second. Nor does it at SIGTERM
and SIGHUP, which a job's manager or a closed terminal sends.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

INTERRUPTED = 130

_SAID = b"\nerror: interrupted twice, so ended at once; what is stored stays\n"

_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

_heard: list[int] = []
_pipe: list[int] = []
_to_do: list[Callable[[], object]] = []


@contextlib.contextmanager
def tidied(tidy: Callable[[], object]) -> Iterator[None]:
    """Meanwhile, call this before a signal ends the process: it may leave a terminal as no other.

    It is called in another thread, and must not wait for this one.
    """
    _to_do.append(tidy)
    try:
        yield
    finally:
        _to_do.remove(tidy)


def heed_signals() -> None:
    """From now on, end the process at the second Ctrl-C, and tidily when it is told to end."""
    _heard.clear()
    if _pipe or threading.current_thread() is not threading.main_thread():
        # Python hears of signals in the main thread only.
        return
    _pipe.extend(os.pipe())
    os.set_blocking(_pipe[1], False)
    signal.set_wakeup_fd(_pipe[1], warn_on_full_buffer=False)
    # What nohup ignores stays ignored.
    ending = [number for number in _ENDING if signal.getsignal(number) == signal.SIG_DFL]
    for number in ending:
        # Python tells of a signal only where it has something to call.
        signal.signal(number, lambda _number, _frame: None)
    if hasattr(os, "register_at_fork"):
        # A child has the pipe, too, and from the terminal a Ctrl-C of its own.
        os.register_at_fork(after_in_child=lambda: _let_go(ending))
    threading.Thread(target=_listen, name="interrupts", daemon=True).start()


def _let_go(ending: list[int]) -> None:
    signal.set_wakeup_fd(-1)
    for number in ending:
        signal.signal(number, signal.SIG_DFL)


def _listen() -> None:
    while number := os.read(_pipe[0], 1):
        if number[0] in _ENDING:
            # Imported only by what has made copies.
            if copies := sys.modules.get("embstore.store.temporary"):
                copies.delete_copies()
            _tidy()
            # As a shell tells of a process that a signal has ended.
            os._exit(128 + number[0])
        if number[0] == signal.SIGINT:
            _heard.append(signal.SIGINT)
        if len(_heard) > 1:
            _tidy()
            with contextlib.suppress(OSError):
                os.write(2, _SAID)
            os._exit(INTERRUPTED)


def _tidy() -> None:
    for tidy in tuple(_to_do):
        with contextlib.suppress(OSError):
            tidy()
