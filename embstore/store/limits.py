"""How much time and memory one statement may take."""

import math
import re
from dataclasses import dataclass

from embstore.errors import UsageError

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?b)", re.IGNORECASE)
# With less, DuckDB cannot even open a store.
_LEAST_BYTES = 10_000_000
# With more, it cannot count them.
_MOST_BYTES = 2**60


@dataclass(frozen=True)
class Limits:
    """What a statement may take before it is stopped; None for no limit of embstore's.

    Attributes:
        seconds: of running, without the time that the store is waited for.
        memory: of DuckDB, as it writes sizes: ``500MB`` or ``2 GiB``.
    """

    seconds: float | None = None
    memory: str | None = None


NO_LIMITS = Limits()


def read_limits(timeout: float | None, memory: str | None) -> Limits:
    """Check limits that a person gave.

    >>> read_limits(5, "500mb")
    Limits(seconds=5.0, memory='500mb')

    Raises:
        UsageError: one is no such number or size.
    """
    if timeout is not None and not (timeout > 0 and math.isfinite(timeout)):
        raise UsageError(f"timeout is {timeout!r}: give a number of seconds, more than 0")
    if memory is not None:
        found = _SIZE.fullmatch(str(memory).strip())
        if found is None:
            raise UsageError(
                f"memory is {memory!r}: give a size with its unit, such as 500MB or 2GB"
            )
        power = " kmgt".index(found[2][0].lower())
        asked = float(found[1]) * 1000**power
        if asked < _LEAST_BYTES:
            raise UsageError(f"memory is {memory!r}: DuckDB needs 10MB or more to open a store")
        if asked >= _MOST_BYTES:
            raise UsageError(f"memory is {memory!r}: no machine has as much; leave it out for all")
    return Limits(None if timeout is None else float(timeout), memory)
