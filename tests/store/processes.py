"""Second processes for the tests: what one process cannot show of a file's lock."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def start(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start Python on ``code`` with the checkout on its path; warnings are errors."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process that must succeed and return what it printed."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out
