"""How a column is written for people: its numbers with as many decimals as read well."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

# The columns of some rows at a time; called again for each look at them.
Chunks = Callable[[], Iterable[Sequence[Sequence[object]]]]

_MISSING = "—"
# As wide as a digit; a hyphen is read over.
_MINUS = "−"
_DIGITS = 4
# Beside a number of size 1, one of this size is what a difference has left over by rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Look:
    """How a column is written.

    Attributes:
        numeric: it has numbers only, which stand to the right.
        decimals: of its floats; None where each has its own.
        least: a float that is not larger is a zero that rounding has missed.
    """

    numeric: bool
    decimals: int | None
    least: float = 0.0


_BY_ITSELF = Look(numeric=True, decimals=None)


def looks_of(chunks: Chunks, n_columns: int) -> list[Look]:
    """Decide how columns are written: floats with one number of decimals if that reads well."""
    kinds: list[set[type]] = [set() for _ in range(n_columns)]
    largest = [0.0] * n_columns
    for chunk in chunks():
        for place, column in enumerate(chunk):
            found = set(map(type, column)) - {type(None)}
            kinds[place] |= found
            if float in found:
                largest[place] = max(largest[place], *_sizes(column))
    smallest = [math.inf] * n_columns
    if any(largest):
        for chunk in chunks():
            for place, column in enumerate(chunk):
                if largest[place]:
                    least = _ROUNDING * largest[place]
                    sizes = [size for size in _sizes(column) if size > least]
                    smallest[place] = min(smallest[place], *sizes, math.inf)
    found_looks = []
    for place in range(n_columns):
        decimals = _decimals(largest[place])
        # With two digits of the smallest in sight, or a ten-thousandth, a fixed point compares
        # at a glance.
        least_seen = 10.0 ** (1 - decimals) if decimals < _DIGITS else 10.0**-_DIGITS
        fixed = min(smallest[place], largest[place]) >= least_seen
        numeric = bool(kinds[place]) and kinds[place] <= {int, float}
        shared = decimals if fixed or not largest[place] else None
        found_looks.append(Look(numeric, shared, _ROUNDING * largest[place]))
    return found_looks


def _sizes(column: Sequence[object]) -> list[float]:
    """Return the sizes of a column's finite floats, behind a 0."""
    return [
        0.0,
        *(abs(value) for value in column if isinstance(value, float) and math.isfinite(value)),
    ]


def texts(column: Sequence[object], look: Look) -> list[str]:
    """Write a column's values."""
    kinds = set(map(type, column)) - {type(None)}
    if kinds == {str}:
        return [_MISSING if value is None else str(value) for value in column]
    return [_text(value, look) for value in column]


def text_of(value: object) -> str:
    """Write a value by itself, as a table of this value alone would.

    >>> text_of(-0.123456), text_of(None), text_of([1, 2])
    ('−0.1235', '—', '1, 2')
    """
    (look,) = looks_of(lambda: [[[value]]], 1)
    return texts([value], look)[0]


def _decimals(number: float) -> int:
    if not number:
        return 1
    return min(max(_DIGITS - 1 - math.floor(math.log10(number)), 0), _DIGITS)


def _text(value: object, look: Look) -> str:
    if value is None:
        return _MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _number(0.0 if abs(value) <= look.least else value, look).replace("-", _MINUS)
    if isinstance(value, int):
        return str(value).replace("-", _MINUS)
    if isinstance(value, list):
        return ", ".join(_text(item, _BY_ITSELF) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _number(value: float, look: Look) -> str:
    if not math.isfinite(value):
        return str(value)
    if look.decimals is not None:
        return f"{value:.{look.decimals}f}"
    if 1e-4 <= abs(value) < 1e6:
        return f"{value:.{max(_DIGITS - 1 - math.floor(math.log10(abs(value))), 0)}f}"
    return f"{value:.{_DIGITS - 1}e}" if value else "0"
