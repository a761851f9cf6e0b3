"""How much of a training's time measuring may take, and has taken."""

import math
import time

from embstore.errors import UsageError


class Budget:
    """Spaces measurements so that they take no more than their share of the time so far.

    The first is always made: what one costs is not known before.

    Attributes:
        spent: seconds that measuring has taken, and what came before the first.
        skipped: measurements that were left out since the last one.
    """

    def __init__(self, share: float | None) -> None:
        """Begin to count.

        Args:
            share: the most that measuring may take of the time so far, above 0; None for no limit.

        Raises:
            UsageError: the share is no such number.
        """
        number = isinstance(share, int | float) and not isinstance(share, bool)
        if share is not None and not (number and math.isfinite(share) and 0 < share <= 1):
            raise UsageError(
                f"max_overhead is {share!r}; give a share of the time such as 0.05, or None for no "
                "limit"
            )
        self._share = share
        self._began = time.perf_counter()
        self._longest: float | None = None
        self.spent = 0.0
        self.skipped = 0

    @property
    def overhead(self) -> float:
        """The share of the time so far that measuring has taken."""
        return self.spent / max(time.perf_counter() - self._began, self.spent, 1e-9)

    def allows(self) -> bool:
        """Tell whether one more measurement, as long as the longest, stays within the share."""
        if self._share is None or self._longest is None:
            return True
        elapsed = time.perf_counter() - self._began
        return self.spent + self._longest <= self._share * (elapsed + self._longest)

    def prepare(self, seconds: float) -> None:
        """Note what it took before anything could be measured."""
        self.spent += seconds

    def skip(self) -> None:
        """Note that a measurement was left out."""
        self.skipped += 1

    def add(self, seconds: float) -> None:
        """Note what a measurement took."""
        self.spent += seconds
        self._longest = max(self._longest or 0.0, seconds)
        self.skipped = 0
