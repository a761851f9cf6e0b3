"""Which columns of a table are coordinates: never an index, an id or a label.

What a table says of itself (pandas' index) is left out. What only looks like an index or an
id is refused by its name, unless the reader has chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embstore.common.messages import closest, listed
from embstore.errors import MeasurementError, UsageError
from embstore.inputs.vectors.lookalikes import (
    is_index_name,
    is_numeric,
    lookalike,
    numbers,
    pandas_index,
)
from embstore.inputs.vectors.number_text import is_number


@dataclass(frozen=True)
class ColumnChoice:
    """What a reader said of a table's columns; each may be a pattern such as ``dim_*``.

    Attributes:
        columns: the coordinates; none for all that can be.
        ignore: what is no coordinate.
    """

    columns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.columns or self.ignore)

    def ignores(self, name: str) -> bool:
        """Tell whether a column is no coordinate."""
        return any(_fits(name, pattern) for pattern in self.ignore)


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The vectors of a table, (n, d), and which columns are none of their coordinates."""

    array: NDArray[np.generic]
    left_out: tuple[str, ...] = ()


def list_columns(table: pa.Table) -> tuple[str, ...]:
    """Return the columns whose every row is a vector."""
    return tuple(field.name for field in table.schema if _is_list(field.type))


def read_lists(table: pa.Table, name: str) -> NDArray[np.generic]:
    """Return a column of lists as (n, d), or of lists of lists as (n, tokens, d).

    Raises:
        MeasurementError: a row has no list, or one of another length than the first.
    """
    return _dense(table[name].combine_chunks(), name)


def read_columns(table: pa.Table, choice: ColumnChoice, besides: Sequence[str] = ()) -> Coordinates:
    """Return the coordinates of a table that has one in each column.

    Args:
        table: a row per vector.
        choice: what the reader said of its columns.
        besides: columns that are used for something else.

    Raises:
        UsageError: a chosen column is not there or holds no numbers.
        MeasurementError: there are none, or one of them looks like an index, an id or text.
    """
    if not table.num_rows:
        raise MeasurementError("no rows in it")
    names = [name for name in table.column_names if name not in besides]
    ignored = [*_matching(names, choice.ignore), *pandas_index(table)]
    rest = [name for name in names if name not in ignored and not is_index_name(name)]
    if choice.columns:
        named = [name for name in _matching(names, choice.columns) if name in choice.columns]
        for name in named:
            if not is_numeric(table[name].type):
                raise UsageError(f"column {name!r} holds {table[name].type}, not numbers")
        # A pattern stands for what can be a coordinate, a name for itself.
        chosen = [
            name
            for name in _matching(names, choice.columns)
            if name in named or (name in rest and is_numeric(table[name].type))
        ]
        if not chosen:
            raise UsageError(f"no column of numbers fits {', '.join(choice.columns)}")
        return Coordinates(stack(table, chosen))
    numeric = [name for name in rest if is_numeric(table[name].type)]
    for name in rest:
        if name not in numeric:
            _refuse_numbers_as_text(table, name)
    if not numeric:
        raise MeasurementError("it has no columns of numbers")
    if (found := lookalike(table, numeric)) is not None:
        name, why = found
        others = _pattern([other for other in numeric if other != name])
        raise MeasurementError(
            f"column {name!r} {why}, so it may be no coordinate; leave it out, as with embstore "
            f"measure --ignore {name!r}, or choose the coordinates, as with --columns {others!r} "
            "('*' for all)"
        )
    left_out = tuple(name for name in names if name not in numeric)
    return Coordinates(stack(table, numeric), left_out)


def _refuse_numbers_as_text(table: pa.Table, name: str) -> None:
    """Refuse a column of text most of which are numbers: a coordinate with a slip in it."""
    column = table[name]
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return
    texts = [text for text in column.to_pylist() if text is not None]
    odd = [(row, text) for row, text in enumerate(texts) if not is_number(text)]
    if len(odd) * 2 >= len(texts):
        return
    found = f"row {odd[0][0]:,} (from 0) has {odd[0][1][:20]!r}" if odd else "all are text"
    raise MeasurementError(
        f"column {name!r} holds numbers as text ({found}); repair it, or leave it out, as with "
        f"embstore measure --ignore {name!r}"
    )


def _matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the columns that any pattern fits, in the table's order.

    Raises:
        UsageError: a pattern fits none.
    """
    for pattern in patterns:
        if not any(_fits(name, pattern) for name in names):
            hint = closest(pattern, names)
            raise UsageError(f"no column {pattern!r}{hint}; choose from {listed(names)}")
    return [name for name in names if any(_fits(name, pattern) for pattern in patterns)]


def _fits(name: str, pattern: str) -> bool:
    # A name may itself hold a star or brackets.
    return name == pattern or fnmatchcase(name, pattern)


def _pattern(names: list[str]) -> str:
    """Write a pattern or a list that stands for some columns."""
    prefix = names[0].rstrip("0123456789") if names else ""
    if prefix and all(name.startswith(prefix) for name in names):
        return f"{prefix}*"
    return ",".join(names[:3]) + ",…" * (len(names) > 3)


def _is_list(type_: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(type_) for test in tests)


def stack(table: pa.Table, names: Sequence[str]) -> NDArray[np.generic]:
    """Return columns of numbers side by side, (n, d)."""
    return np.stack([numbers(table, name) for name in names], axis=1)


def _dense(lists: pa.Array, name: str) -> NDArray[np.generic]:
    if not _is_list(lists.type):
        array: NDArray[np.generic] = lists.to_numpy(zero_copy_only=False)
        return array
    if lists.null_count:
        row = lists.is_null().to_pylist().index(True)
        raise MeasurementError(f"column {name!r} has no vector in row {row:,} (from 0)")
    if pa.types.is_fixed_size_list(lists.type):
        sizes = np.full(len(lists), lists.type.list_size)
    else:
        sizes = lists.value_lengths().to_numpy(zero_copy_only=False)
    if (sizes != sizes[:1]).any():
        row = int(np.argmax(sizes != sizes[0]))
        raise MeasurementError(
            f"the vectors of column {name!r} are not all of one length: row {row:,} (from 0) has "
            f"{sizes[row]:,}, row 0 {sizes[0]:,}"
        )
    inner = _dense(lists.flatten(), name)
    return inner.reshape(len(lists), int(sizes[0]) if len(sizes) else 0, *inner.shape[1:])
