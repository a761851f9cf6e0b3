"""Records as a column of Arrow, and back: nothing is lost, rounded or taken for something else."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest

from embstore.common.record_columns import column_of, values_of
from embstore.types import FloatArray


@dataclass(frozen=True)
class Key:
    site: Literal["embedding", "block"]
    layer: int


@dataclass(frozen=True, eq=False)
class Number:
    key: Key
    value: float | None
    effects: tuple[float, ...] | None = None
    other: Key | None = None


KEY = Key("block", 2**40)


@pytest.mark.parametrize(
    "value", [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, None]
)
def test_a_number_keeps_every_bit_and_none_is_not_nan(value: float | None) -> None:
    (found,) = values_of(Number, column_of(Number, [Number(KEY, value)]))
    assert found.value is None if value is None else found.value.hex() == value.hex()
    assert (found.key, found.effects, found.other) == (KEY, None, None)


def test_what_is_absent_moves_nothing_beside_it() -> None:
    numbers = [
        Number(KEY, 1.0, (0.1, 0.2)),
        Number(Key("embedding", 0), None, None, KEY),
        Number(KEY, 3.0, ()),
        Number(KEY, None, (0.3,)),
    ]
    found = values_of(Number, column_of(Number, numbers))
    assert [vars(number) for number in found] == [vars(number) for number in numbers]


def test_no_record_at_all() -> None:
    assert values_of(Number, column_of(Number, [])) == []


def test_an_array_is_a_copy_of_its_own() -> None:
    arrays = [np.array([1.5, np.nan]), None, np.empty(0), np.arange(3.0)]
    column = column_of(FloatArray | None, arrays)
    assert column.type == pa.list_(pa.float64())
    found = values_of(FloatArray | None, column)
    assert found[1] is None
    for given, got in zip(arrays, found, strict=True):
        if given is not None:
            assert given.tobytes() == got.tobytes()
            got[:] = 0
    assert column.values.to_pylist()[2:] == [0.0, 1.0, 2.0]
