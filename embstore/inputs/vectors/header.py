"""The names of a table's columns, without reading the table."""

from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from embstore.inputs.packed_files import PACKINGS, open_packed
from embstore.inputs.vectors.separated import read_separated

_DELIMITERS = {".csv": None, ".tsv": "\t"}
# Enough to tell a line of names from one of numbers.
_LINES = 10


def column_names(path: Path) -> list[str]:
    """Return what the columns of a table are called; none for a file of another kind.

    Raises:
        MeasurementError: it has no rows.
        OSError: it cannot be read.
    """
    inner = path.with_suffix("") if path.suffix.lower() in PACKINGS else path
    suffix = inner.suffix.lower()
    if suffix == ".parquet":
        return list(pq.read_schema(path).names)
    if suffix not in _DELIMITERS:
        return []
    with open_packed(path) as stream:
        top = b"".join(islice(stream, _LINES))
    return list(read_separated(top, delimiter=_DELIMITERS[suffix]).column_names)
