"""Words for findings: numbers, counts and lists as a reader wants them in a sentence."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from embstore.common.messages import listed
from embstore.metrics.conventions import LEVEL_IN_WORDS

Tone = Literal["finding", "open", "warning"]

# How many of several things a sentence names.
NAMED = 4
# More lines than this are a blot in a drawing as small as a word.
MOST_LINES = 12
_LONGEST = 60
_MINUS = "−"


@dataclass(frozen=True)
class Spark:
    """Which numbers the small drawing beside a finding shows.

    Attributes:
        metric: of which.
        runs: places of the runs; over the layers one line each, over the steps one point each.
        scopes: which tokens count, one line each.
        over: what a line goes over: the layers, the blocks only, or the steps, of which it shows
            the mean over the blocks or the highest one.
    """

    metric: str
    runs: tuple[int, ...]
    scopes: tuple[str, ...] = ("all",)
    over: Literal["layers", "blocks", "mean by step", "highest by step"] = "layers"

    @property
    def of_training(self) -> bool:
        """Whether it goes over the steps of a training."""
        return self.over.endswith("by step")


@dataclass(frozen=True)
class Finding:
    """One sentence, what stands behind it, and the runs it is drawn from.

    Attributes:
        topic: two or three words.
        text: what the numbers say, as a person would say it.
        runs: places of the runs behind it.
        tone: a finding, a question left open, or a warning.
        detail: numbers and definitions, for who asks.
        spark: what is drawn beside it.
    """

    topic: str
    text: str
    runs: tuple[int, ...]
    tone: Tone = "finding"
    detail: str = ""
    spark: Spark | None = None


def number(value: float) -> str:
    """Write a number with three significant digits, as the page's script does.

    >>> number(0.98765), number(12345.6), number(7.0), number(-0.00001234)
    ('0.988', '12,300', '7', '−1.23e−5')
    """
    if value and abs(value) >= 1000:
        digits = 10 ** (math.floor(math.log10(abs(value))) - 2)
        return f"{round(value / digits) * digits:,}".replace("-", _MINUS)
    mantissa, _, power = f"{value:.3g}".partition("e")
    return (f"{mantissa}e{int(power)}" if power else mantissa).replace("-", _MINUS)


def signed(value: float) -> str:
    """Write a difference.

    >>> signed(0.12), signed(-0.12), signed(0.0)
    ('0.12 higher', '0.12 lower', 'the same')
    """
    if not value:
        return "the same"
    return f"{number(abs(value))} {'higher' if value >= 0 else 'lower'}"


def in_layer(layer: int, stack: str = "", *, depth: float | None = None) -> str:
    """Say where: the embedding has no number that a reader knows.

    >>> in_layer(12), in_layer(0, depth=0.0), in_layer(3, "decoder", depth=0.5)
    ('in layer 12', 'in the embedding', 'in layer 3 (depth 0.5) of the decoder')
    """
    where = f"in layer {layer}" if layer else "in the embedding"
    if layer and depth is not None:
        where += f" (depth {number(depth)})"
    return f"{where} of the {stack}" if stack else where


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
    return listed((shortened(name, unique) for name in unique), most=NAMED)


def joined(parts: Sequence[str]) -> str:
    """Join the parts of a sentence.

    >>> joined(["a"]), joined(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def shortened(name: str, among: Iterable[str] = ()) -> str:
    """Cut a name that would fill the page, in its middle, but leave what tells it from others.

    >>> shortened("a" * 40 + "b" * 40)
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa…bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'
    """
    others = [other for other in among if other != name]
    longest = _LONGEST
    while any(_cut(other, longest) == _cut(name, longest) for other in others):
        longest += _LONGEST
    return _cut(name, longest)


def _cut(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    start = (longest - 1) // 2
    return f"{name[:start]}…{name[len(name) - (longest - 1 - start) :]}"
