"""The bar on stderr while models are measured."""

import contextlib
import signal
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
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


class Bar:
    """The bar as an ingest moves it, by calling ``begin`` and ``progress``.

    Attributes:
        checkpoint: the name of what is being measured; None before the first.
    """

    def __init__(self, bar: Progress) -> None:
        self.checkpoint: str | None = None
        self._interrupted = False
        self._bar = bar
        self._label = ""
        self._stage = ""
        self._task = bar.add_task("reading the text", total=None, stage="")

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Stop at Ctrl-C, even if a library catches the exception that it raises.

        While a run is written to the store, wait until that is done, less than a second.
        """

        def interrupt(_signal: int, _frame: object) -> None:
            self._interrupted = True
            if self._stage != _WRITING:
                raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def begin(self, checkpoint: str, index: int, total: int) -> None:
        """Show that a checkpoint is being loaded, the ``index``-th of ``total`` from 0."""
        self._check()
        self.checkpoint = checkpoint
        self._label = checkpoint if total == 1 else f"[{index + 1}/{total}] {checkpoint}"
        self._show("", "loading", None)

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show how much of a stage is done."""
        if stage != self._stage:
            self._show(stage, _STAGES[stage], total)
        self._bar.update(self._task, completed=done)
        if stage != _WRITING:
            self._check()

    def _check(self) -> None:
        """Stop now if Ctrl-C was caught by a library, or had to wait for the store."""
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt

    def _show(self, stage: str, words: str, total: int | None) -> None:
        self._stage = stage
        description = f"{self._label}: {words}"
        self._bar.reset(self._task, total=total, description=description, stage=stage)
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
