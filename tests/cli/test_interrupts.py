"""Ctrl-C ends the command line: at the first chance, and at the second without one."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.endless import ENDLESS
from tests.processes import finish, start
from tests.store.old_stores import unpack
from tests.stores import new_store

# Each starts a Python of its own.
pytestmark = pytest.mark.slow

# A command line whose command does not heed the first Ctrl-C.
STUBBORN = """
import signal, sys, threading, time
from embstore.cli import main

# A child of a background process starts with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def deaf(**options):
    # As Typer does.
    try:
        work()
    except KeyboardInterrupt:
        return 130

def work():
    print("working", flush=True)
    {work}

main.app = deaf
main.main()
"""
WORK = {
    # Signals go to another thread, as where the main one is in compiled code.
    "compiled code": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}); time.sleep(60)",
    "a thread that is waited for": (
        "thread = threading.Thread(target=time.sleep, args=(60,)); thread.start()\n"
        "    while True:\n"
        "        try:\n"
        "            thread.join()\n"
        "        except KeyboardInterrupt:\n"
        "            print('heard', flush=True)"
    ),
    "a thread that Python waits for at its end": (
        "threading.Thread(target=time.sleep, args=(60,)).start(); time.sleep(60)"
    ),
    "cleaning up": (
        "try:\n        time.sleep(60)\n    finally:\n        print('heard', flush=True)\n"
        "        time.sleep(60)"
    ),
}


def interrupt(process: subprocess.Popen[str], times: int) -> tuple[int, str]:
    """Send so many Ctrl-C as a person does, and return exit code and standard error.

    Only the last may end the process.
    """
    with process:
        try:
            for _ in range(times):
                time.sleep(0.5)
                assert process.poll() is None
                process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
        finally:
            process.kill()
    return process.returncode, err


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_a_second_one_ends_whatever_is_waited_for(work: str) -> None:
    process = start(STUBBORN.replace("{work}", work))
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    code, err = interrupt(process, 2)
    # Where the main thread can hear the second one, it may be the sooner of the two.
    assert code == 130
    assert "interrupted" in err


def test_one_stops_a_query(tmp_path: Path) -> None:
    store = new_store(tmp_path / "s.duckdb").path
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from embstore.store import session; fetch = session.fetch\n"
        "from embstore.store import database\n"
        "def told(*a, **k):\n    print('asking', flush=True); return fetch(*a, **k)\n"
        "database.fetch = told\n"
        "from embstore.cli.main import main; sys.argv[0] = 'embstore'; main()"
    )
    process = start(code, "sql", ENDLESS, "-s", store)
    assert process.stdout is not None
    assert process.stdout.readline() == "asking\n"
    ended, err = interrupt(process, 1)
    assert (ended, err) == (130, "error: interrupted\n")


# Asks an older store, and then does something else for long.
ASKING = """
import sys, time
from embstore.api.store import open_store
from embstore.cli import main as module

def ask(**options):
    print(open_store(sys.argv[1]).query("models").num_rows, flush=True)
    time.sleep(60)

module.app = ask
module.main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_told_to_end_leaves_no_copy(tmp_path: Path, number: int) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    older = unpack("0007", tmp_path / "older.duckdb")
    # A process started under nohup ignores the latter, and so do those that it starts.
    before = signal.signal(number, signal.SIG_DFL)
    process = start(ASKING, older, TMPDIR=str(copies))
    signal.signal(number, before)
    with process:
        try:
            assert process.stdout is not None
            assert int(process.stdout.readline()) > 0
            assert len(list(copies.glob("embstore-copy-*"))) == 1
            process.send_signal(number)
            process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 128 + number
    assert list(copies.iterdir()) == []


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    code = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from embstore.cli.interrupts import heed_signals; heed_signals()\n"
        "signal.raise_signal(signal.SIGHUP); print(signal.getsignal(signal.SIGHUP).name)"
    )
    assert finish(start(code)) == "SIG_IGN\n"
