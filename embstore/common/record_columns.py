"""Records as a column of Arrow, and as records again: every number to the last bit.

Field by field and not record by record, which for thousands of them takes several times as long.
The type hints of a record say what its column is: a float is never null unless it may be None, and
then NaN is not null.
"""

import typing
from collections.abc import Sequence
from dataclasses import is_dataclass
from itertools import chain, pairwise
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from embstore.common.type_hints import hints_of, unless_none

_SCALARS = {str: pa.string(), int: pa.int64(), float: pa.float64()}


def column_of(hint: Any, values: Sequence[Any]) -> pa.Array:
    """Return values of one type as a column.

    Args:
        hint: their type: a record, a tuple of one type, an array of float64 with one axis, text or
            a number; each may be None.
        values: of that type.
    """
    hint = unless_none(hint) or hint
    origin = typing.get_origin(hint)
    if is_dataclass(hint):
        names = hints_of(typing.cast("type[object]", hint))
        columns = [
            column_of(inner, [None if value is None else getattr(value, name) for value in values])
            for name, inner in names.items()
        ]
        return pa.StructArray.from_arrays(columns, list(names), mask=_absent(values))
    if origin is tuple:
        items = chain.from_iterable(value or () for value in values)
        return _lists(values, column_of(typing.get_args(hint)[0], list(items)))
    if origin is np.ndarray:
        there = [value for value in values if value is not None]
        return _lists(values, pa.array(np.concatenate([np.empty(0), *there])))
    return pa.array(values, pa.string() if origin is Literal else _SCALARS[hint])


def values_of(hint: Any, column: pa.Array) -> list[Any]:
    """Return the values that ``column_of`` made a column of; arrays are copies."""
    hint = unless_none(hint) or hint
    origin = typing.get_origin(hint)
    if is_dataclass(hint):
        record = typing.cast("type[object]", hint)
        inner = enumerate(hints_of(record).values())
        columns = (values_of(each, column.field(place)) for place, each in inner)
        return _with_none(column, [record(*row) for row in zip(*columns, strict=True)])
    if origin is tuple:
        items = values_of(typing.get_args(hint)[0], column.values)
        return _with_none(column, [tuple(items[start:end]) for start, end in _ranges(column)])
    if origin is np.ndarray:
        numbers = column.values.to_numpy()
        return _with_none(column, [numbers[start:end].copy() for start, end in _ranges(column)])
    if pa.types.is_string(column.type):
        return list(column.to_numpy(zero_copy_only=False))
    return _with_none(column, column.fill_null(0).to_numpy().tolist())


def _lists(values: Sequence[Any], items: pa.Array) -> pa.Array:
    lengths = [0 if value is None else len(value) for value in values]
    ends = np.cumsum([0, *lengths], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), items, mask=_absent(values))


def _absent(values: Sequence[Any]) -> pa.Array:
    return pa.array([value is None for value in values], pa.bool_())


def _ranges(column: pa.Array) -> "pairwise[tuple[int, int]]":
    return pairwise(column.offsets.to_pylist())


def _with_none(column: pa.Array, values: list[Any]) -> list[Any]:
    """Put None where the column is null."""
    if column.null_count:
        for place in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
            values[place] = None
    return values
