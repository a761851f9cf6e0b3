"""What goes to the terminal besides data: messages on stderr, as loud as asked for."""

import contextlib
import logging
import sys
from dataclasses import dataclass

from embstore.common.messages import visible


@dataclass
class Terminal:
    """How much to say; set once by the options before the command.

    Attributes:
        quiet: errors only.
        verbose: also details that are rarely wanted.
        debug: tracebacks instead of one-line errors.
        failed: it was told why the command ends.
    """

    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    failed: bool = False

    def say(self, message: str) -> None:
        """Tell the user something that is not data."""
        if not self.quiet:
            _print(message)

    def detail(self, message: str) -> None:
        """Tell something only a verbose user wants."""
        if self.verbose:
            self.say(message)

    def fail(self, message: str) -> None:
        """Tell why the command ends; quiet does not silence it."""
        self.failed = True
        _print(f"error: {message}")


TERMINAL = Terminal()


def _print(message: str) -> None:
    # A store or model of somebody else's may have names that would drive the terminal.
    shown = "\n".join(visible(line) for line in message.split("\n"))
    # What cannot be told, as on a full disk, must not end the work that it is about.
    with contextlib.suppress(OSError):
        print(shown, file=sys.stderr)  # noqa: T201 - the one place that may


class _Notes(logging.Handler):
    """Shows what the rooms below note: what became of a store, and where a run is kept."""

    def emit(self, record: logging.LogRecord) -> None:
        TERMINAL.say(f"note: {record.getMessage()}")


_NOTES = _Notes(logging.WARNING)


def show_notes() -> None:
    """Show from now on what embstore notes, as any other message."""
    # Adding it twice changes nothing.
    logging.getLogger("embstore").addHandler(_NOTES)
