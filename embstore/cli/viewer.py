"""Opens a file as the desktop does, and notices where nothing can."""

import shutil
import subprocess
from pathlib import Path

import typer

# A program that still runs then is the viewer itself, or waits for it.
_SECONDS = 3.0


def open_file(file: Path) -> bool:
    """Open a file in the program for its kind; tell whether there is one.

    Typer starts ``xdg-open``, the opener of Linux, and does not look whether it failed.
    """
    opener = shutil.which("xdg-open")
    if opener is None:
        return typer.launch(str(file)) == 0
    started = subprocess.Popen(  # noqa: S603 - a file of ours
        [opener, str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return started.wait(timeout=_SECONDS) == 0
    except subprocess.TimeoutExpired:
        # It goes on without us; Python would warn that nobody waits for it.
        started.returncode = 0
        return True
