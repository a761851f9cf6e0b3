"""The bar on stderr while models are measured."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
)
from rich.text import Text

from embstore.cli.terminal import TERMINAL

_WRITING = "store"
_STAGES = {
    "forward": "reading tokens",
    "geometry": "measuring layers",
    _WRITING: "storing",
    "wait": "waiting for the store",
}


class _Pace(ProgressColumn):
    """The time left and, while tokens go through the model, tokens per second.

    Both come from the average since the stage began, which is known after its first step.
    Rich's own columns show nothing before several steps.
    """

    def render(self, task: Task) -> Text:
        if not task.elapsed or not task.completed or task.total is None:
            return Text("")
        pace = task.completed / task.elapsed
        left = round((task.total - task.completed) / pace)
        rate = f"{pace:,.0f} tokens/s, " if task.fields["stage"] == "forward" else ""
        return Text(f"{rate}{left // 60}:{left % 60:02d} left")


@dataclass
class _Row:
    """A checkpoint's line: what it is called, and how far it is."""

    checkpoint: str
    label: str
    task: TaskID
    stage: str = ""


class Bar:
    """The bar as an ingest moves it, a line for each checkpoint that is being measured."""

    def __init__(self, bar: Progress) -> None:
        self._interrupted = False
        self._bar = bar
        self._rows: list[_Row] = []
        self._last = ""
        self._reading: TaskID | None = bar.add_task("reading the text", total=None, stage="")

    @property
    def checkpoint(self) -> str:
        """What is being measured, or was last; empty before the first."""
        return ", ".join(row.checkpoint for row in self._rows) or self._last

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Stop at Ctrl-C, even if a library catches the exception that it raises.

        While a run is written to the store, wait until that is done, less than a second.
        """

        def interrupt(_signal: int, _frame: object) -> None:
            self._interrupted = True
            if not any(row.stage == _WRITING for row in self._rows):
                raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def begin(self, checkpoint: str, index: int, total: int) -> Callable[[str, int, int], None]:
        """Show that a checkpoint is being loaded, the ``index``-th of ``total`` from 0.

        Returns:
            What to call as (stage, done, total) while it is measured, at last with ``done``.
        """
        self._check()
        if self._reading is not None:
            self._bar.remove_task(self._reading)
            self._reading = None
        label = checkpoint if total == 1 else f"[{index + 1}/{total}] {checkpoint}"
        loading = f"{label}: loading"
        row = _Row(checkpoint, label, self._bar.add_task(loading, total=None, stage=""))
        self._rows.append(row)
        TERMINAL.detail(loading)
        return partial(self._progress, row)

    def _progress(self, row: _Row, stage: str, done: int, total: int) -> None:
        """Show how much of a stage is done."""
        if stage == "done":
            self._rows.remove(row)
            self._last = row.checkpoint
            self._bar.remove_task(row.task)
            return
        if stage != row.stage:
            self._show(row, stage, total)
        self._bar.update(row.task, completed=done)
        if stage != _WRITING:
            self._check()

    def _check(self) -> None:
        """Stop now if Ctrl-C was caught by a library, or had to wait for the store."""
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt

    def _show(self, row: _Row, stage: str, total: int) -> None:
        row.stage = stage
        description = f"{row.label}: {_STAGES[stage]}"
        self._bar.reset(row.task, total=total, description=description, stage=stage)
        TERMINAL.detail(description)


@contextlib.contextmanager
def progress_bar() -> Iterator[Bar]:
    """Show a bar on stderr, if that is a terminal."""
    console = Console(stderr=True)
    bar = Progress(
        # A model's name is text, also where it has square brackets.
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        _Pace(),
        console=console,
        transient=True,
        disable=TERMINAL.quiet or not console.is_terminal,
    )
    with bar:
        yield Bar(bar)
