"""A second Ctrl-C ends the process, whatever it waits for.

The first one raises KeyboardInterrupt, as Python does, once the main thread runs Python again. It
may be in DuckDB, read weights or wait for a thread, also at the very end of the process. So a
thread of its own hears of every signal, and does not wait at the second.
"""

import contextlib
import os
import signal
import threading

INTERRUPTED = 130

_SAID = b"\nerror: interrupted twice, so ended at once; what is stored stays\n"

_heard: list[int] = []
_pipe: list[int] = []


def end_at_second_interrupt() -> None:
    """From now on, end the process at the second Ctrl-C."""
    _heard.clear()
    if _pipe or threading.current_thread() is not threading.main_thread():
        # Python hears of signals in the main thread only.
        return
    _pipe.extend(os.pipe())
    os.set_blocking(_pipe[1], False)
    signal.set_wakeup_fd(_pipe[1], warn_on_full_buffer=False)
    if hasattr(os, "register_at_fork"):
        # A child has the pipe, too, and from the terminal a Ctrl-C of its own.
        os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    threading.Thread(target=_listen, name="interrupts", daemon=True).start()


def _listen() -> None:
    while number := os.read(_pipe[0], 1):
        if number[0] == signal.SIGINT:
            _heard.append(signal.SIGINT)
        if len(_heard) > 1:
            with contextlib.suppress(OSError):
                os.write(2, _SAID)
            os._exit(INTERRUPTED)
