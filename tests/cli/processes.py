"""Runs the command line as a user does: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def embstore(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``embstore`` to its end and return what it said."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "embstore", *(str(argument) for argument in arguments)]
