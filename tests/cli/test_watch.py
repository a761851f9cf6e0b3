"""One frame in a pipe, what is refused, and the live view on a terminal of its own."""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from embstore.store.writing import write_run
from tests.asking.watching.trainings import steps_of
from tests.cli.running import command, embstore
from tests.holding import held
from tests.processes import imported
from tests.stores import new_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_store(tmp_path_factory.mktemp("watch") / "s.duckdb", steps_of()).path


def test_in_a_pipe_one_frame_is_printed_as_plain_text(store: Path) -> None:
    shown = embstore("watch", "-s", store)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("run-7 · step 20 · 20,000 tokens seen · 3 steps stored · ")
    assert "block 3     0.1600 ▁▄▆" in shown.stdout
    assert "\x1b" not in shown.stdout
    once = embstore("watch", "--once", "-s", store).stdout
    # But for how long ago that was.
    assert re.sub("measured .* ago", "", once) == re.sub("measured .* ago", "", shown.stdout)


def test_the_store_may_be_named_without_its_option(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It comes before the one that the environment names.
    monkeypatch.setenv("EMBSTORE_STORE", "absent.duckdb")
    assert embstore("watch", store, "--once").stdout.startswith("run-7 · step 20 · ")
    both = embstore("watch", store, "-s", "other.duckdb", "--once")
    assert (both.returncode, both.stdout) == (2, "")
    assert both.stderr == f"error: two stores are named, {store} and other.duckdb; name one\n"


def test_metrics_and_scope_are_those_that_are_named(store: Path) -> None:
    words = ("-m", "twonn", "--metric", "mean_cosine,twonn", "--scope", "no_sinks")
    shown = embstore("watch", "--once", "-s", store, *words).stdout
    assert "\nlayer       twonn      mean_cosine\n" in shown
    assert "example-text, without attention sinks\n" in shown
    assert "final norm  5.000 ▁▁▁  0.6800 ▁▅█" in shown


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--scope", "nosinks"), 2, "unknown scope 'nosinks' (did you mean no_sinks?); choose"),
        (("--metric", "twon"), 1, "unknown metric 'twon' (did you mean twonn?); list them: emb"),
        (("--metric", ","), 2, "--metric is empty; name at least one, or leave --metric out"),
        (("--model", "run-8"), 1, "no model 'run-8' in this store (did you mean run-7?)"),
        (("--every", "0"), 2, "--every is 0 seconds: give between 0.1 and 86400"),
        (("--once", "--every", "5"), 2, "--once looks once, so --every does nothing"),
        (("--every", "nan"), 2, "--every is nan seconds: give between 0.1 and 86400"),
        (("--tag", "lr"), 2, "tag 'lr' has no value; write it as KEY=VALUE"),
        (("--tag", "lr=1"), 1, "no run has the tag lr=1"),
        (("--everys", "2"), 2, "has no option --everys (did you mean --every?)"),
        (("--models", "run-7"), 2, "has no option --models (did you mean --model?)"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    store: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    ended = embstore("watch", "--once", "-s", store, *words)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
    assert message in ended.stderr


def test_once_does_not_wait_for_a_store_or_a_run(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    ended = embstore("watch", "--once", "-s", path)
    assert ended.returncode == 3
    assert f"error: no store at {path}: make one with `embstore ingest`" in ended.stderr
    new_store(path)
    ended = embstore("watch", "-s", path)
    assert ended.returncode == 1
    assert f"error: {path} holds no runs yet" in ended.stderr


@pytest.mark.slow
def test_once_says_who_holds_the_store(store: Path) -> None:
    with held(store) as process:
        ended = embstore("watch", "--once", "-s", store, EMBSTORE_LOCK_TIMEOUT="0")
    assert ended.returncode == 3
    assert f"is locked by process {process.pid}" in ended.stderr


@pytest.mark.slow
def test_it_never_imports_what_takes_long(store: Path) -> None:
    code = (
        "import sys\nfrom embstore.cli.main import main\n"
        f"sys.argv = ['embstore', 'watch', '--once', '-s', {str(store)!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
    )
    found = imported(code)
    assert not {"torch", "transformers", "pandas", "scipy", "numba", "altair"} & found


class Screen:
    """A terminal that embstore draws on, as a person sees it."""

    def __init__(self, process: int, terminal: int, rows: int) -> None:
        self.process = process
        self._terminal = terminal
        self._rows = rows
        self.sent = ""

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """Return the frame that has a text, once there is one and all of it is drawn."""
        deadline = time.monotonic() + seconds
        while text not in self.frame or self.frame.count("\n") < self._rows - 1:
            assert time.monotonic() < deadline, f"never showed {text!r}:\n{self.frame}"
            self._read()
        return self.frame

    def end(self, number: signal.Signals) -> int:
        """Send a signal, and return the exit code."""
        os.kill(self.process, number)
        self.read_to_the_end()
        _, status = os.waitpid(self.process, 0)
        return os.waitstatus_to_exitcode(status)

    def read_to_the_end(self, seconds: float = 30) -> None:
        """Read until the process has ended."""
        deadline = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < deadline, f"still runs:\n{self.frame}"

    @property
    def frame(self) -> str:
        drawn = self.sent.split("\x1b[H")[-1]
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn).replace("\r", "")

    def _read(self) -> bool:
        if not select.select([self._terminal], [], [], 30)[0]:
            return False
        try:
            found = os.read(self._terminal, 65536)
        except OSError:
            # How Linux tells that the other end is closed.
            return False
        self.sent += found.decode(errors="replace")
        return bool(found)


@contextmanager
def screen(
    *words: str | Path,
    rows: int = 24,
    columns: int = 80,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Screen]:
    pty = pytest.importorskip("pty")
    import fcntl
    import struct
    import termios

    process, terminal = pty.fork()
    if not process:  # pragma: no cover - another process
        environment = {**os.environ, "TERM": "xterm-256color", **(variables or {})}
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execve(sys.executable, command("watch", *words), environment)
    try:
        yield Screen(process, terminal, rows)
    finally:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        os.close(terminal)


@pytest.mark.slow
def test_the_view_follows_a_store_that_grows_and_is_locked_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    first, second, third = steps_of()
    with screen("-s", path, "--every", "0.1") as shown:
        assert "no store at" in shown.wait_for("Waiting for the first run")
        database = new_store(path, [first])
        assert "block 4     0.1000 ▁" in shown.wait_for("step 0 ·")
        write_run(database, second)
        shown.wait_for("step 10 ·")
        with held(path):
            # Nothing has changed yet: who holds it is not even noticed.
            shown.wait_for("2 steps stored")
        write_run(database, third)
        lines = shown.wait_for("step 20 ·").split("\n")
        assert len(lines) == 24
        assert max(map(len, lines)) <= 80
        assert shown.end(signal.SIGINT) == 0
        # The terminal is as before, and the last frame stays on it.
        assert shown.sent.count("\x1b[?1049h") == shown.sent.count("\x1b[?1049l") == 1
        after = shown.sent.split("\x1b[?1049l")[-1]
        assert "run-7 · step 20" in after
        assert "error" not in after


@pytest.mark.slow
def test_told_to_end_it_gives_the_terminal_back(store: Path) -> None:
    with screen("-s", store, rows=8, columns=40) as shown:
        assert "no room for twonn" in shown.wait_for("final norm")
        assert shown.end(signal.SIGTERM) == 128 + signal.SIGTERM
        assert shown.sent.endswith("\x1b[?1049l\x1b[?25h")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_without_colours_there_is_nothing_bold(store: Path, name: str, value: str) -> None:
    with screen("-s", store, variables={name: value}) as shown:
        if name == "TERM":
            # A terminal that cannot be drawn on gets one frame.
            shown.read_to_the_end()
            assert "final norm" in shown.sent
            assert "\x1b" not in shown.sent
        else:
            shown.wait_for("final norm")
            assert not re.search(r"\x1b\[[1-9][0-9;]*m", shown.sent)
