"""How the numbers of a run become columns of the store."""

import dataclasses
import math

import numpy as np
import pytest

from embstore.store import schema
from embstore.store.columns import numbers_of
from tests.synthetic import METRICS, make_run

Effects = tuple[float, ...] | None


def stored(*given: Effects) -> list[list[float] | None]:
    run = make_run(n_layers=8, metrics=METRICS[:1])
    # Of one metric in one scope, whose order is kept.
    of_one = (it for it in run.measured.measurements if it.scope == "all")
    some = zip(of_one, given, strict=False)
    measurements = tuple(dataclasses.replace(it, window_effects=effects) for it, effects in some)
    measured = dataclasses.replace(run.measured, measurements=measurements, curves=())
    column = numbers_of("a run", measured)[schema.measurement]["window_effects"]
    assert len(column) == len(given)
    found: list[list[float] | None] = column.to_pylist()
    return found


def test_effects_are_kept_in_four_bytes_each_with_what_has_none() -> None:
    one, other = (0.1, -0.3, 0.2), (1e-29, -1e-29)
    kept, also_kept = (np.array(effects, np.float32).tolist() for effects in (one, other))
    assert stored(None, one, (), other, one, None) == [None, kept, None, also_kept, kept, None]


@pytest.mark.parametrize("effects", [(1e-31, 0.0), (0.0, 0.0), (1.0, 1e31), (math.nan, 1.0)])
def test_effects_that_four_bytes_cannot_hold_are_left_out(effects: Effects) -> None:
    assert stored(effects, (0.5, -0.5), effects) == [None, [0.5, -0.5], None]


def test_of_no_effects_and_of_no_numbers_nothing_is_stored() -> None:
    assert stored(None, None) == [None, None]
    assert stored() == []
