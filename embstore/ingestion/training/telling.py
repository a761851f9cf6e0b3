"""Tells of measurements and of what goes wrong, and never fails itself."""

import logging
import re
import sys
from collections.abc import Callable
from typing import TypeVar

from tqdm import tqdm

from embstore.common.messages import reason_of
from embstore.ingestion.training.alerts import Alert
from embstore.ingestion.training.recorded import Recorded

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

# What differs between failures for the same reason: free memory, the name of a temporary folder.
_VARYING = re.compile(r"embstore-\w+|\d+")


class Telling:
    """Who is told what: a line for each measurement, and once for each kind of failure."""

    def __init__(
        self, say: Callable[[str], None] | None, on_alert: Callable[[Alert], None] | None
    ) -> None:
        """Take what a user wants to be told by.

        Args:
            say: called with each line; None for standard error.
            on_alert: called when a number crosses a threshold.
        """
        self._say = say or _to_standard_error
        self._on_alert = on_alert
        self._failures = 0
        self._told: set[str] = set()

    def of(self, recorded: Recorded, skipped: int) -> None:
        """Tell of a measurement, of what could not be stored, and of thresholds that were crossed.

        Args:
            recorded: what became of it.
            skipped: measurements that were left out before it.
        """
        self._call("say", self._say, recorded.line(skipped))
        if recorded.file is not None:
            self._once(
                f"step {recorded.step:,} is measured but not stored: {recorded.reason}; it is kept "
                f"in {recorded.file.parent}, and taken in as soon as the store can be written, or "
                f"by `embstore ingest --spool {recorded.file.parent}`"
            )
        for alert in recorded.alerts:
            self._call("say", self._say, f"alert, {alert}")
            if self._on_alert is not None:
                self._call("on_alert", self._on_alert, alert)

    def of_failure(self, step: int, error: Exception) -> None:
        """Tell that a step could not be measured."""
        self._failures += 1
        self._once(f"step {step:,} could not be measured: {reason_of(error)}")

    def end(self) -> None:
        """Tell how many measurements have failed, where that was not told one by one."""
        if self._failures > 1:
            _LOG.warning("%d measurements failed in all", self._failures)
        self._failures = 0

    def _call(self, name: str, function: Callable[[T], None], about: T) -> None:
        """Call a function of the user's, which may fail; so may writing to a closed terminal."""
        try:
            function(about)
        except Exception as error:
            self._once(f"{name} failed: {reason_of(error)}")

    def _once(self, what: str) -> None:
        """Warn of the first failure of a kind; sizes and temporary folders make no other kind."""
        kind = _VARYING.sub("", what.partition(":")[2])
        if kind not in self._told:
            self._told.add(kind)
            _LOG.warning("%s; training goes on, and this is said once", what)


def _to_standard_error(line: str) -> None:
    # Above the training's bar, if there is one.
    tqdm.write(f"embstore: {line}", file=sys.stderr)
