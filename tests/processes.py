"""Pythons of their own, for what a call cannot show: kills, locks, limits, what is imported."""

import os
import signal
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def start(
    code: str, *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.Popen[str]:
    """Start Python on ``code`` with the checkout on its path; warnings are errors."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(_ROOT), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], *, timeout: float = 120) -> str:
    """Wait for a process that must succeed and return what it printed; in time, or it is killed."""
    return _end(process, 0, timeout)


def finish_killed(process: subprocess.Popen[str], *, timeout: float = 120) -> str:
    """Wait for a process that is killed, by itself or by others; return what it printed."""
    return _end(process, -signal.SIGKILL, timeout)


def _end(process: subprocess.Popen[str], code: int, timeout: float) -> str:
    with process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    assert process.returncode == code, f"ended with {process.returncode}:\n{out}\n{err}"
    return out


def imported(code: str, *arguments: str | Path) -> set[str]:
    """Return the modules that Python has imported once it has run ``code``."""
    shown = "\nimport sys\nprint('', *sys.modules, sep='\\n')"
    return set(finish(start(code + shown, *arguments)).splitlines())
