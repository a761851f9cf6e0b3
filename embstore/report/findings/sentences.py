"""Words for findings: numbers, counts and lists as a reader wants them in a sentence."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from embstore.common.messages import listed
from embstore.metrics.conventions import LEVEL_IN_WORDS

# As the page's selectors name the tokens that count.
SCOPE_WORDS = {
    "all": "all tokens",
    "no_first": "without first tokens",
    "no_sinks": "without attention sinks",
}


Tone = Literal["finding", "open", "warning"]

# How many of several things a sentence names.
NAMED = 4
_LONGEST = 60


@dataclass(frozen=True)
class Finding:
    """One sentence or two, and the runs it is drawn from.

    Attributes:
        topic: two or three words.
        text: what the numbers say.
        runs: places of the runs behind it.
        tone: a finding, a question left open, or a warning.
    """

    topic: str
    text: str
    runs: tuple[int, ...]
    tone: Tone = "finding"


def number(value: float) -> str:
    """Write a number with three significant digits.

    >>> number(0.98765), number(12345.6), number(7.0), number(0.00001234)
    ('0.988', '12,300', '7', '1.23e-05')
    """
    if value and abs(value) >= 1000:
        digits = 10 ** (math.floor(math.log10(abs(value))) - 2)
        return f"{round(value / digits) * digits:,}"
    return f"{value:.3g}"


def signed(value: float) -> str:
    """Write a difference.

    >>> signed(0.12), signed(-0.12), signed(0.0)
    ('0.12 higher', '0.12 lower', 'the same')
    """
    if not value:
        return "the same"
    return f"{number(abs(value))} {'higher' if value >= 0 else 'lower'}"


def spread(values: Sequence[float]) -> str:
    """Write one value, or the median and range of several."""
    if number(min(values)) == number(max(values)):
        return number(median(values))
    return f"{number(median(values))} (median; {number(min(values))} to {number(max(values))})"


def interval(low: float | None, high: float | None) -> str:
    """Write an interval as a reader expects it behind a number; nothing where it is unknown.

    >>> interval(0.125, 12.5), interval(None, None)
    (' (95 % interval 0.125 to 12.5)', '')
    """
    if low is None or high is None:
        return ""
    return f" ({LEVEL_IN_WORDS} interval {number(low)} to {number(high)})"


def counted(n: int, noun: str) -> str:
    """Write a count with its noun.

    >>> counted(1, "run"), counted(7500, "run")
    ('1 run', '7,500 runs')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def named(names: Iterable[object]) -> str:
    """Name the first few of several, each once, and count the others."""
    unique = list(dict.fromkeys(str(name) for name in names))
    if not isinstance(names, Sequence | dict):
        unique.sort()
    return listed(map(shortened, unique), most=NAMED)


def shortened(name: str) -> str:
    """Cut a name that would fill the page."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
