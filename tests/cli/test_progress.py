"""The bar on stderr: stages, pace, and names as they are."""

import io
import signal
import time
from functools import partial

import pytest
from rich.console import Console

from embstore.cli import progress
from embstore.cli.terminal import TERMINAL


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal of 120 characters is sent."""
    screen = io.StringIO()
    terminal = partial(Console, file=screen, force_terminal=True, width=120, color_system=None)
    monkeypatch.setattr(progress, "Console", lambda **_: terminal())
    monkeypatch.setattr(TERMINAL, "quiet", False)
    return screen


def test_tokens_have_a_pace_and_a_time_left_after_the_first_batch(shown: io.StringIO) -> None:
    with progress.progress_bar() as bar:
        show = bar.begin("gpt2", 0, 1)
        show("forward", 0, 1000)
        time.sleep(0.1)
        show("forward", 500, 1000)
        time.sleep(0.2)  # the bar is drawn ten times a second
    text = shown.getvalue()
    assert "gpt2: reading tokens" in text
    assert " 50%" in text
    assert "tokens/s, 0:00 left" in text


def test_square_brackets_in_a_name_are_shown_and_not_obeyed(shown: io.StringIO) -> None:
    with progress.progress_bar() as bar:
        bar.begin("a[red]b[/bold]", 0, 1)("geometry", 1, 2)
        time.sleep(0.2)
    assert "a[red]b[/bold]: measuring layers" in shown.getvalue()


def test_quiet_shows_nothing(shown: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TERMINAL, "quiet", True)
    with progress.progress_bar() as bar:
        bar.begin("gpt2", 0, 1)("forward", 0, 10)
    assert shown.getvalue() == ""


def test_one_of_several_checkpoints_says_which(shown: io.StringIO) -> None:
    with progress.progress_bar() as bar:
        bar.begin("gpt2@step7", 2, 154)
        time.sleep(0.2)
    assert "[3/154] gpt2@step7: loading" in shown.getvalue()
    assert bar.checkpoint == "gpt2@step7"


def test_each_of_two_checkpoints_has_a_line_until_it_is_done(
    shown: io.StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TERMINAL, "verbose", True)
    with progress.progress_bar() as bar:
        first, second = (bar.begin(f"gpt2@step{n}", n, 3) for n in range(2))
        first("forward", 50, 100)
        second("geometry", 1, 4)
        time.sleep(0.3)
        assert bar.checkpoint == "gpt2@step0, gpt2@step1"
        first("done", 1, 1)
        screen = len(shown.getvalue())
        time.sleep(0.3)
        assert bar.checkpoint == "gpt2@step1"
    before, after = shown.getvalue()[:screen], shown.getvalue()[screen:]
    assert "[1/3] gpt2@step0: reading tokens" in before
    assert "[2/3] gpt2@step1: measuring layers" in before
    assert "gpt2@step1: measuring layers" in after
    last = after.rsplit("[2/3]", 1)[1]
    assert "gpt2@step0" not in last


def test_an_interrupt_waits_while_any_run_is_stored(shown: io.StringIO) -> None:
    with progress.progress_bar() as bar, bar.interruptible():
        first, second = (bar.begin(f"gpt2@step{n}", n, 2) for n in range(2))
        first("store", 0, 1)
        signal.raise_signal(signal.SIGINT)
        first("store", 1, 1)
        with pytest.raises(KeyboardInterrupt):
            second("geometry", 1, 4)
        first("done", 1, 1)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
