"""Turns numbers and rows into few bytes that a browser reads.

A number becomes a code of 16 bits between the lowest and the highest of those it is packed
with: whole numbers as they are, numbers that span orders of magnitude by their logarithm,
others evenly. The error is half a sixty-thousandth of the span, or of a ratio's logarithm:
about four digits.
``page/scripts/lib/data.js`` reads them.
"""

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from embstore.types import FloatArray

Spacing = Literal["whole", "even", "log"]

Codes = NDArray[np.uint16]

# A number that was never stored, and one that was stored as undefined.
ABSENT, UNDEFINED = 0, 0xFFFF
_LEVELS = UNDEFINED - 2
# From this ratio on, equal steps would leave the smallest numbers too few digits; from the
# other on, equal ratios would leave all of them too few.
_WIDE, _TOO_WIDE = 8, 1e12


def encode(numbers: FloatArray) -> tuple[Codes, Spacing, float, float]:
    """Give numbers codes of 16 bits: NaN is ABSENT, infinity UNDEFINED.

    >>> codes, spacing, low, step = encode(np.array([[3.0, 7.0, np.nan, np.inf]]))
    >>> codes.tolist(), spacing, low, step
    ([[1, 5, 0, 65535]], 'whole', 3.0, 1.0)
    """
    finite = numbers[np.isfinite(numbers)]
    codes = np.where(np.isinf(numbers), UNDEFINED, ABSENT).astype(np.uint16)
    if not finite.size:
        return codes, "whole", 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if high - low < _LEVELS and bool((finite == np.round(finite)).all()):
        spacing: Spacing = "whole"
        levels, step = finite - low, 1.0
    elif low > 0 and _WIDE * low < high < _TOO_WIDE * low:
        spacing = "log"
        step = float(np.log(high / low)) / _LEVELS
        levels = np.log(finite / low) / step
    else:
        spacing = "even"
        step = (high - low) / _LEVELS or 1.0
        levels = (finite - low) / step
    codes[np.isfinite(numbers)] = (1 + np.round(levels)).astype(np.uint16)
    return codes, spacing, low, step


def lay_out(codes: Codes) -> bytes:
    """Lay out codes so that gzip finds repeats: differences along the runs, high bytes first."""
    steps = np.diff(codes, axis=-1, prepend=np.zeros((*codes.shape[:-1], 1), dtype=np.uint16))
    flat = steps.astype(np.uint16).ravel()
    return (flat >> 8).astype(np.uint8).tobytes() + (flat & 0xFF).astype(np.uint8).tobytes()


def text_of(content: bytes) -> str:
    """Return bytes gzipped and in base64, the same every time."""
    return base64.b64encode(gzip.compress(content, compresslevel=9, mtime=0)).decode()


def columns(rows: Sequence[dict[str, object]]) -> dict[str, dict[str, list[object]]]:
    """Turn rows into columns; a value that repeats is written once.

    >>> columns([{"a": "x"}, {"a": "x"}, {"a": "y"}])
    {'a': {'values': ['x', 'y'], 'codes': [0, 0, 1]}}
    """
    table: dict[str, dict[str, list[object]]] = {}
    for name in rows[0] if rows else ():
        values = [row[name] for row in rows]
        # Of one type only: to Python, True, 1 and 1.0 are one key.
        places: dict[tuple[type, object], int] = {}
        codes = [places.setdefault((type(value), value), len(places)) for value in values]
        if 2 * len(places) > len(values) + 1:
            table[name] = {"values": values}
        else:
            table[name] = {"values": [key[1] for key in places], "codes": list(codes)}
    return table


def json_bytes(content: object) -> bytes:
    """Return compact JSON; NaN and infinity are a mistake."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
