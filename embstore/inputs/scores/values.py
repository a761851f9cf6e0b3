"""What a cell of a table of scores may hold, as a person, pandas or a harness writes it."""

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from numbers import Integral, Real

from embstore.common.utf8_text import is_utf8
from embstore.errors import ScoreError
from embstore.inputs.scores.steps import LARGEST_STEP

# What stands for nothing: blank cells of pandas are NaN, and lm-eval writes N/A.
_NOTHING = {"", "n/a", "na", "nan", "none", "null"}
# As JSON writes numbers, or with a plus, or without a digit on one side of the point: not 1_000,
# not 0x10, and neither nan nor inf, which Python would take for numbers, too.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SHOWN = 40
# Of 1973: fewer seconds since 1970 are rather a year, or a date without its dashes.
_FIRST_SECOND = 1e8


def number(value: object, what: str) -> float:
    """Return a finite number.

    Raises:
        ScoreError: it is none; says what was found.
    """
    found = _number(value, what)
    if found is None:
        raise ScoreError(f"{what} is missing: give a number, or leave the row out")
    return found


def optional_number(value: object, what: str) -> float | None:
    """Return a finite number, or None for what stands for nothing.

    Raises:
        ScoreError: it is neither.
    """
    if isinstance(value, str) and value.strip().lower() in _NOTHING:
        return None
    if isinstance(value, Real) and math.isnan(float(value)):
        return None
    return _number(value, what)


def step(value: object) -> int | None:
    """Return a step of training, or None for what stands for nothing; pandas writes 3000.0.

    Raises:
        ScoreError: it is no whole number from 0 to what 8 bytes hold.
    """
    if isinstance(value, bool):
        raise ScoreError(f"step {_shown(value)} is no number")
    if isinstance(value, Integral):
        found = int(value)
    elif isinstance(value, str) and value.strip().isdecimal() and value.isascii():
        # Digits beyond those of a float count.
        found = int(value) if len(value.strip()) < _SHOWN else LARGEST_STEP + 1
    else:
        given = optional_number(value, "step")
        if given is None:
            return None
        if given != int(given):
            raise ScoreError(f"step {_shown(value)} is no whole number")
        found = int(given)
    if not 0 <= found <= LARGEST_STEP:
        raise ScoreError(f"step {_shown(value)} is not between 0 and {LARGEST_STEP:,}")
    return found


def text(value: object, what: str) -> str:
    """Return a name of one line.

    Raises:
        ScoreError: it is blank, no text, or more than one line.
    """
    found = optional_text(value, what)
    if found is None:
        raise ScoreError(f"{what} is missing")
    return found


def optional_text(value: object, what: str) -> str | None:
    """Return a name of one line without space around it, or None for a blank one.

    Raises:
        ScoreError: it is no text, or more than one line.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, str | Integral):
        raise ScoreError(f"{what} {_shown(value)} is no text")
    found = str(value).strip()
    if not is_utf8(found) or not found.isprintable():
        raise ScoreError(f"{what} {_shown(value)} is not one line of text that can be printed")
    return found or None


def moment(value: object) -> datetime | None:
    """Return when something was, of seconds since 1970 or of ISO 8601; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    try:
        if isinstance(value, Real):
            seconds = float(value)
            return datetime.fromtimestamp(seconds, UTC) if seconds >= _FIRST_SECOND else None
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        if not isinstance(value, datetime):
            return None
        # Without a zone it is UTC: that of whoever imports it says nothing.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def optional_moment(value: object, what: str) -> datetime | None:
    """Return when something was, or None for what stands for nothing.

    Raises:
        ScoreError: it is neither.
    """
    blank = isinstance(value, str) and value.strip().lower() in _NOTHING
    # What is unlike itself is NaN, or NaT of pandas.
    if value is None or blank or value != value:
        return None
    found = moment(value)
    if found is None:
        raise ScoreError(f"{what} {_shown(value)} is no date; write it as 2026-11-30T12:00:00Z")
    return found


def _number(value: object, what: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        if not value.strip():
            return None
        if not _NUMBER.fullmatch(value.strip()):
            raise ScoreError(f"{what} {_shown(value)} is no number{_hint(value)}")
        found = float(value)
    elif isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise ScoreError(f"{what} {_shown(value)} is no number")
    else:
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
    if not math.isfinite(found):
        raise ScoreError(f"{what} {_shown(value)} is no finite number")
    return found


def _hint(value: str) -> str:
    """Say how to write what is nearly a number."""
    if re.fullmatch(r"\s*-?\d+,\d+\s*", value):
        return "; write it with a decimal point"
    if re.fullmatch(r"\s*-?[\d.]+\s*%\s*", value):
        return "; leave the percent sign out"
    return ""


def _shown(value: object) -> str:
    said = repr(value) if isinstance(value, str) else str(value)
    return said if len(said) <= _SHOWN else f"{said[: _SHOWN - 1]}…"
