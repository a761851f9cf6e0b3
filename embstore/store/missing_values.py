"""What is stored of a number without a value: NULL, and why."""

import math

from embstore.types import Measurement


def has_value(number: Measurement) -> bool:
    """Tell whether a number is stored as one, and not as NULL."""
    return number.value is not None and math.isfinite(number.value)


def why_none(number: Measurement) -> str:
    """Return the reason that is stored with a number that has no value."""
    missing = "undefined" if number.value is None else f"the result was {number.value:f}"
    return number.reason or missing
