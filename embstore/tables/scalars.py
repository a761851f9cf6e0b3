"""Python's texts and numbers for Arrow, which would import pandas to look whether they are its."""

import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def text(value: str | None) -> "pa.Scalar":
    """Return a text for Arrow to compute with."""
    return texts([value])[0]


def texts(values: Sequence[str | None]) -> "pa.Array":
    """Return texts as an array, None as NULL."""
    import pyarrow as pa

    encoded = [b"" if value is None else value.encode() for value in values]
    ends = array("i", accumulate(map(len, encoded), initial=0))
    known = bytearray(-(-len(encoded) // 8))
    for place, value in enumerate(values):
        if value is not None:
            known[place // 8] |= 1 << place % 8
    parts = bytes(known), ends.tobytes(), b"".join(encoded)
    buffers = [pa.py_buffer(part) for part in parts]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def whole(number: int, type_: "pa.DataType") -> "pa.Scalar":
    """Return a whole number for Arrow to compute with."""
    import pyarrow as pa

    content = number.to_bytes(type_.bit_width // 8, sys.byteorder, signed=True)
    return pa.Array.from_buffers(type_, 1, [None, pa.py_buffer(content)])[0]
