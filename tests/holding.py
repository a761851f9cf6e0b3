"""Another process that holds a store open, as a notebook does."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.processes import finish, start

_HOLD = """
import sys
import duckdb

connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reads")
print("held", flush=True)
sys.stdin.read()
connection.close()
"""


def hold(path: Path, how: str = "writes") -> subprocess.Popen[str]:
    """Start a process that ``reads`` or ``writes``; it holds the store until it is finished."""
    process = start(_HOLD, path, how)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@contextlib.contextmanager
def held(path: Path, how: str = "writes") -> Iterator[subprocess.Popen[str]]:
    """Hold a store open meanwhile."""
    process = hold(path, how)
    try:
        yield process
    finally:
        finish(process)
