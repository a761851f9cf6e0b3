"""The typed parameters of a question, and reading their values."""

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Integral, Real

from embstore.common.messages import among
from embstore.common.utf8_text import utf8
from embstore.errors import UsageError

Scalar = str | int | float | bool | date | datetime | None
ParameterValue = Scalar | list[Scalar]

_LITERAL = re.compile(r"\s*('(?:[^']|'')*'|[^\s,']+)\s*(?:,|$)")


@dataclass(frozen=True)
class Range:
    """The numbers that a parameter accepts, written ``1..``, ``0..0.5`` or ``0<..`` in a header.

    Attributes:
        least: the smallest number.
        most: the largest; None for no end.
        above: whether ``least`` itself is too small.
    """

    least: float
    most: float | None = None
    above: bool = False

    def __contains__(self, number: float) -> bool:
        """Tell whether a number lies in the range."""
        high_enough = number > self.least if self.above else number >= self.least
        return high_enough and (self.most is None or number <= self.most)

    def __str__(self) -> str:
        """Say which numbers there are."""
        least = f"more than {self.least:g}" if self.above else f"at least {self.least:g}"
        if self.most is None:
            return least
        return f"{least} and at most {self.most:g}"


@dataclass(frozen=True)
class Parameter:
    """A name that a question uses as ``$name``, with the values it accepts.

    Attributes:
        name: as written after the ``$``.
        type: one of TYPES, or one of them with ``[]`` for a list.
        doc: what it does, for the reader.
        required: whether a value must be given.
        default: the value when none is given; None allows NULL.
        choices: the only values allowed, if not empty.
        columns: the store's tables and columns, one of which must hold the value; empty
            where any value is accepted.
        range: the numbers allowed, if not all.
    """

    name: str
    type: str
    doc: str
    required: bool = True
    default: ParameterValue = None
    choices: tuple[Scalar, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    range: Range | None = None

    def __str__(self) -> str:
        """Show the parameter as a person would set it."""
        if self.required:
            return f"{self.name} ({self.type}, required)"
        return f"{self.name}={show_value(self.default)}"


def convert(parameter: Parameter, value: object) -> ParameterValue:
    """Turn what a person gave, text or a Python value, into the declared type.

    A list is given as a Python sequence or as text separated by commas or lines (quote an
    element that contains one). An empty list is refused: it could mean all or none.

    >>> convert(Parameter("layers", "INTEGER[]", "which"), "1, 2")
    [1, 2]

    Raises:
        UsageError: the value does not fit; names parameter, found and expected.
    """
    if value is None:
        if parameter.required or parameter.default is not None:
            raise _misfit(parameter, value)
        return None
    if not parameter.type.endswith("[]"):
        return _checked(parameter, value)
    if isinstance(value, str):
        value = _split(parameter, value)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise _misfit(parameter, value)
    values = [_checked(parameter, element) for element in value]
    if not values and (parameter.required or parameter.default != []):
        raise UsageError(f"parameter {parameter.name} is empty; name at least one{_or(parameter)}")
    return values


def show_value(value: ParameterValue) -> str:
    """Show a value as it is typed on a command line; NULL for None."""
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return ",".join(show_value(element) for element in value)
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)


def read_literal(text: str, parameter: Parameter) -> ParameterValue:
    """Read a default as SQL writes it: ``'text'``, a number, NULL or ``['a', 'b']``."""
    if text.upper() == "NULL":
        return None
    if text.startswith("["):
        return list(read_literals(text[1:-1], parameter))
    return convert(parameter, _unquoted(text))


def read_literals(text: str, parameter: Parameter) -> tuple[Scalar, ...]:
    """Read literals separated by commas."""
    values: list[Scalar] = []
    position = 0
    while position < len(text):
        match = _LITERAL.match(text, position)
        if match is None:
            raise UsageError(
                f"parameter {parameter.name}: found {text!r}; "
                "expected literals separated by commas, such as 'a', 'b'"
            )
        values.append(_checked(parameter, _unquoted(match[1])))
        position = match.end()
    return tuple(values)


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def _checked(parameter: Parameter, value: object) -> Scalar:
    """Convert one scalar and check it against the parameter's choices and range."""
    try:
        converted = TYPES[parameter.type.removesuffix("[]")](value)
    except (TypeError, ValueError, OverflowError):
        raise _misfit(parameter, value) from None
    if parameter.choices and converted not in parameter.choices:
        allowed = [show_value(choice) for choice in parameter.choices]
        which = among(str(value), allowed)
        raise UsageError(f"parameter {parameter.name}: found {value!r}{which}")
    limits = parameter.range
    if limits is not None and isinstance(converted, int | float) and converted not in limits:
        raise UsageError(f"parameter {parameter.name}: found {value!r}; expected {limits}")
    return converted


def _misfit(parameter: Parameter, value: object) -> UsageError:
    shown = "NULL" if value is None else repr(value)
    wanted = "true or false" if parameter.type == "BOOLEAN" else parameter.type
    return UsageError(f"parameter {parameter.name}: found {shown}; expected {wanted}")


def _split(parameter: Parameter, text: str) -> list[str]:
    """Split a list at commas and ends of lines; a quoted element may have either in it."""
    lines = io.StringIO(text.strip(), newline="")
    try:
        rows = list(csv.reader(lines, skipinitialspace=True))
    except csv.Error as error:
        raise UsageError(f"parameter {parameter.name}: found {text!r}: {error}") from None
    # A comma at the end of a line separates no more than the line's end does.
    parts = [row[:-1] if row and not row[-1] and len(rows) > 1 else row for row in rows]
    return [part for row in parts for part in row]


def _or(parameter: Parameter) -> str:
    """Say which value a parameter has where it is left out."""
    if parameter.required:
        return ""
    default = "all" if parameter.default is None else show_value(parameter.default)
    return f", or leave it out for {default}"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    # DuckDB takes UTF-8, so bytes of a command line that are none have no place in it.
    return utf8(value)


def _whole(bits: int) -> Callable[[object], int]:
    def convert_whole(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, str | Integral):
            raise TypeError
        number = int(value)
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise OverflowError
        return number

    return convert_whole


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | Real):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "yes", "1"}:
        return True
    if isinstance(value, str) and value.lower() in {"false", "no", "0"}:
        return False
    raise ValueError


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return date.fromisoformat(_text(value))


def _moment(value: object) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(_text(value))


TYPES: Mapping[str, Callable[[object], Scalar]] = {
    "VARCHAR": _text,
    "INTEGER": _whole(32),
    "BIGINT": _whole(64),
    "DOUBLE": _number,
    "BOOLEAN": _truth,
    "DATE": _day,
    "TIMESTAMP": _moment,
}
