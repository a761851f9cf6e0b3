"""Keeps a view on the whole terminal until Ctrl-C, and gives the terminal back as it was."""

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.text import Text

from embstore.asking.watching.frame import Line, frame, waiting
from embstore.asking.watching.view import View
from embstore.cli.interrupts import tidied
from embstore.cli.output import write_out

_END = "Ctrl-C ends"
# The time since the last measurement is counted by the second.
_LONGEST_PAUSE = 1.0
# What is shown without colours is shown without these, too, as in tables.
_LOOKS = {"plain": "", "bold": "bold", "dim": "dim"}
# Leaves the second screen, and shows the cursor.
_AS_BEFORE = b"\x1b[?1049l\x1b[?25h"


def show(view: View, every: float) -> None:
    """Look every so many seconds, and show what there is, until Ctrl-C; then leave it there."""
    console = Console(highlight=False, markup=False, emoji=False)
    try:
        with (
            tidied(lambda: os.write(sys.stdout.fileno(), _AS_BEFORE)),
            Live(Text(""), console=console, screen=True, auto_refresh=False) as live,
        ):
            _keep(live, view, every)
    except KeyboardInterrupt:
        # The one way to end it: nothing was cut short. What was seen last stays to be read.
        lines = frame_of(view, console.size.width, None)
        write_out("".join(f"{line.text}\n" for line in lines).encode())


def _keep(live: Live, view: View, every: float) -> None:
    due = time.monotonic()
    while True:
        if time.monotonic() >= due:
            view.look()
            due = time.monotonic() + every
        width, height = live.console.size
        live.update(_drawn(frame_of(view, width, height, _END)), refresh=True)
        time.sleep(max(min(_LONGEST_PAUSE, due - time.monotonic()), 0))


def frame_of(view: View, width: int, height: int | None, end: str = "") -> list[Line]:
    """Return what a view shows now."""
    if view.training is None:
        return waiting(view.trouble, width=width, height=height, end=end)
    return frame(
        view.training,
        datetime.now(UTC),
        width=width,
        height=height,
        trouble=view.trouble,
        end=end,
    )


def _drawn(lines: Sequence[Line]) -> Text:
    plain = bool(os.environ.get("NO_COLOR"))
    looks = ((line.text, "" if plain else _LOOKS[line.look]) for line in lines)
    return Text("\n", no_wrap=True, overflow="crop").join(Text(*each) for each in looks)
