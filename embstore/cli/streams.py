"""The three standard streams, of which a process may be started without one (``>&-``)."""

import contextlib
import io
import os
import sys
import traceback

_INPUT, _OUTPUT, _ERRORS = range(3)


def open_missing_streams() -> None:
    """Put something in the place of streams that are closed.

    Else a store's file would take their number, and what is printed would go into it. Of input
    there is nothing, writing output is an error, and messages go nowhere.
    """
    if sys.stdin is None:
        _occupy(_INPUT, os.O_RDONLY)
        sys.stdin = io.StringIO()
    if sys.stdout is None:
        # Opened to be read, so that who writes to it hears of it.
        _occupy(_OUTPUT, os.O_RDONLY)
        sys.stdout = io.TextIOWrapper(io.FileIO(_OUTPUT, "w"), encoding="utf-8")
    if sys.stderr is None:
        _occupy(_ERRORS, os.O_WRONLY)
        sys.stderr = io.TextIOWrapper(io.FileIO(_ERRORS, "w"), encoding="utf-8")


def give_up_output() -> None:
    """Let what is still to be written to standard output go nowhere, also when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), _OUTPUT)


def is_of_printing(error: OSError) -> bool:
    """Tell whether an error is from printing help, for which typer and rich write by themselves."""
    *_, (last, _line) = traceback.walk_tb(error.__traceback__)
    return str(last.f_globals["__name__"]).partition(".")[0] in {"typer", "rich"}


def _occupy(number: int, how: int) -> None:
    with contextlib.suppress(OSError):
        # Something else has it already.
        os.fstat(number)
        return
    nothing = os.open(os.devnull, how)
    if nothing != number:
        os.dup2(nothing, number)
        os.close(nothing)
