"""Processes of tests are not left behind, and tell why they failed."""

import subprocess

import pytest

from tests.processes import finish, start


def test_one_that_does_not_end_is_killed() -> None:
    process = start("import time; time.sleep(600)")
    with pytest.raises(subprocess.TimeoutExpired):
        finish(process, timeout=0.1)
    assert process.returncode == -9


def test_one_that_fails_shows_all_that_it_printed() -> None:
    code = "import sys; print('to one'); print('to the other', file=sys.stderr); sys.exit(3)"
    with pytest.raises(AssertionError, match=r"^ended with 3:\nto one\n\nto the other"):
        finish(start(code))
