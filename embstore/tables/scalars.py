"""Single values for Arrow to compute with; for a text of Python's it imports pandas, if it can."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def text(value: str | None) -> "pa.Scalar":
    """Return a text for Arrow to compute with."""
    import pyarrow as pa

    if value is None:
        return pa.nulls(1, pa.string())[0]
    content = value.encode()
    ends = b"".join(end.to_bytes(4, sys.byteorder) for end in (0, len(content)))
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.string(), 1, buffers)[0]


def whole(number: int, type_: "pa.DataType") -> "pa.Scalar":
    """Return a whole number for Arrow to compute with."""
    import pyarrow as pa

    content = number.to_bytes(type_.bit_width // 8, sys.byteorder, signed=True)
    return pa.Array.from_buffers(type_, 1, [None, pa.py_buffer(content)])[0]
