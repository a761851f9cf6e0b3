"""Columns of a table that are an index, an id or a label, or look like one.

A single one of them outweighs all coordinates together, because it runs into the thousands.
"""

import re
from collections.abc import Sequence
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# What pandas calls an index that has no name, in Parquet and in text.
_INDEX_NAME = re.compile(r"__index_level_\d+__|Unnamed: \d+")
_ID_NAME = re.compile(
    r"(.*[_\- .])?(id|ids|idx|index|uuid|guid|pk)|row([_\- ]?(number|num|nr|no))?|level_\d+"
    r"|labels?|target|class|cluster|fold|split",
    re.IGNORECASE,
)
# Fewer numbers may rise by chance.
_LEAST_RISING = 5
_LEAST_UNIQUE = 100


def is_index_name(name: str) -> bool:
    """Tell whether pandas calls an index so that has no name of its own."""
    return _INDEX_NAME.fullmatch(name) is not None


def pandas_index(table: pa.Table) -> list[str]:
    """Return the columns that pandas wrote as the frame's index."""
    about = table.schema.pandas_metadata or {}
    # An index that only counts is described, not written.
    return [name for name in about.get("index_columns", []) if isinstance(name, str)]


def is_numeric(type_: pa.DataType) -> bool:
    """Tell whether a column's values could be coordinates."""
    return any(
        test(type_) for test in (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal)
    )


def numbers(table: pa.Table, name: str) -> NDArray[np.generic]:
    """Return a column of numbers, (n,)."""
    column = table[name]
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    array: NDArray[np.generic] = column.to_numpy()
    return array


def lookalike(table: pa.Table, names: Sequence[str]) -> tuple[str, str] | None:
    """Return a column that looks like an index, an id or a label, and why; None without.

    Args:
        table: a row per vector.
        names: its columns of numbers.
    """
    columns = {name: numbers(table, name) for name in names}
    whole = {name for name, values in columns.items() if _is_whole(values)}
    for name in names:
        if (why := _looks_like(name, columns, whole)) is not None:
            return name, why
    return None


def _looks_like(name: str, columns: dict[str, NDArray[np.generic]], whole: set[str]) -> str | None:
    if _ID_NAME.fullmatch(name):
        return "is called like an index, an id or a label"
    values = columns[name].astype(np.float64)
    if _counts(values):
        return "counts its rows"
    if name not in whole:
        return None
    # A coordinate may be zero throughout.
    if len(whole) < len(columns) and values.any():
        return "holds whole numbers beside columns of decimals"
    steps = np.diff(values)
    if len(values) >= _LEAST_RISING and ((steps > 0).all() or (steps < 0).all()):
        return "holds whole numbers that rise or fall from row to row"
    if len(values) >= _LEAST_UNIQUE and len(columns) > 1:
        unique = [other for other, v in columns.items() if len(np.unique(v)) == len(v)]
        if unique == [name]:
            return "holds another whole number in every row, as no other does"
    return None


def _is_whole(values: NDArray[np.generic]) -> bool:
    """Tell whether a column holds whole numbers, also as floats, as pandas makes of gaps."""
    if values.dtype.kind in "iu":
        return True
    known = values.astype(np.float64)
    known = known[np.isfinite(known)]
    # Above this all floats are whole.
    limit = 1 / float(np.finfo(cast("np.dtype[np.floating]", values.dtype)).eps)
    return bool(len(known) and (known == np.trunc(known)).all() and np.abs(known).max() < limit)


def _counts(values: NDArray[np.float64]) -> bool:
    """Tell whether values go up or down by one from row to row."""
    steps = np.diff(values)
    return len(values) >= _LEAST_RISING and ((steps == 1).all() or (steps == -1).all())
