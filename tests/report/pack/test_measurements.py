import base64
import gzip
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from embstore.report.pack.encoding import ABSENT, UNDEFINED, columns, encode, json_bytes, text_of
from embstore.report.pack.measurements import pack_metrics
from embstore.report.pack.selection import select_metrics
from embstore.report.read.contents import read_contents
from embstore.report.read.counts import read_counts
from embstore.store.database import Database
from tests.stores import new_store
from tests.synthetic import make_run


def decoded(codes: NDArray[Any], spacing: str, low: float, step: float) -> NDArray[np.float64]:
    levels: NDArray[np.float64] = codes.astype(np.float64) - 1
    numbers = low * np.exp(levels * step) if spacing == "log" else low + levels * step
    numbers[codes == ABSENT] = np.nan
    numbers[codes == UNDEFINED] = np.inf
    return numbers


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf), min_size=1))
@settings(deadline=None)
def test_codes_keep_a_sixty_thousandth_of_the_span(values: list[float]) -> None:
    numbers = np.array([values])
    codes, spacing, low, step = encode(numbers)
    found = decoded(codes, spacing, low, step)
    finite = np.isfinite(numbers)
    assert (np.isnan(found) == np.isnan(numbers)).all()
    assert (np.isinf(found) == np.isinf(numbers)).all()
    if finite.any():
        span = float(np.ptp(numbers[finite]))
        # Half a step, or the same by ratio.
        allowed = np.maximum(span / 120_000, np.abs(numbers[finite]) * 1e-3)
        assert (np.abs(found[finite] - numbers[finite]) <= allowed + 1e-12).all()


def test_positive_numbers_over_magnitudes_keep_four_digits() -> None:
    numbers = np.geomspace(0.01, 25_800, 500)[None, :]
    codes, spacing, low, step = encode(numbers)
    assert spacing == "log"
    np.testing.assert_allclose(decoded(codes, spacing, low, step), numbers, rtol=2e-4)


def test_whole_numbers_stay_whole() -> None:
    codes, spacing, low, step = encode(np.array([[0.0, 575.0, 3.0]]))
    assert spacing == "whole"
    assert decoded(codes, spacing, low, step).tolist() == [[0.0, 575.0, 3.0]]


def test_a_constant_and_nothing_at_all_have_codes() -> None:
    codes, spacing, low, step = encode(np.full((1, 3), 0.25))
    assert decoded(codes, spacing, low, step).tolist() == [[0.25] * 3]
    codes, spacing, low, step = encode(np.full((1, 3), np.nan))
    assert codes.tolist() == [[ABSENT] * 3]


def test_columns_name_what_repeats_once_and_keep_types_apart() -> None:
    table = columns([{"a": True}, {"a": 1}, {"a": 1.0}, {"a": True}, {"a": 1}, {"a": 1.0}])
    assert table["a"]["codes"] == [0, 1, 2, 0, 1, 2]
    assert [type(value) for value in table["a"]["values"]] == [bool, int, float]
    assert columns([]) == {}


def test_text_is_the_same_every_time_and_not_a_number_is_refused() -> None:
    assert text_of(b"embstore") == text_of(b"embstore")
    assert gzip.decompress(base64.b64decode(text_of(b"embstore"))) == b"embstore"
    with pytest.raises(ValueError, match="JSON"):
        json_bytes([math.nan])


@pytest.fixture
def series(tmp_path: Path) -> Database:
    return new_store(
        tmp_path / "series.duckdb",
        [
            *(make_run(name="a", revision=f"step{step}", step=step) for step in (0, 10, 100)),
            make_run(name="b", kind="encoder-decoder"),
        ],
    )


def test_packed_bytes_hold_the_stores_numbers(series: Database) -> None:
    contents = read_contents(series)
    counts = read_counts(series, contents)
    selections = select_metrics(
        counts.of_metric, cells=500, newest_cells=50, budget=700, only=["twonn"]
    )
    assert [(x.metric, x.every, x.every_interval) for x in selections] == [("twonn", True, False)]
    packed = pack_metrics(series, selections, contents)
    stored = {
        (row["run_id"], row["stack"], row["layer"], row["site"], row["scope"]): row
        for row in series.select("SELECT * FROM measurement WHERE metric = 'twonn'").to_pylist()
    }
    offset = seen = 0
    for chunk in packed.chunks:
        model = contents.models[chunk.model]
        runs = model.runs if chunk.every else sorted(set(model.runs) & set(contents.newest))
        shape = (len(contents.scopes), len(model.states), len(runs))
        n = math.prod(shape)
        raw = np.frombuffer(packed.content[offset : offset + 2 * n], dtype=np.uint8).astype(int)
        offset += 2 * n
        codes = (raw[:n] * 256 + raw[n:]).reshape(shape).cumsum(axis=-1) & 0xFFFF
        numbers = decoded(codes, chunk.spacing, chunk.low, chunk.step)
        for (scope, state, run), number in np.ndenumerate(numbers):
            where = model.states[state]
            place = (contents.run_ids[runs[run]], where.stack, where.layer, where.site)
            row = stored[(*place, contents.scopes[scope])]
            column = ("value", "ci_low", "ci_high", "std_error")[chunk.part]
            assert number == pytest.approx(row[column], rel=1e-4)
            seen += 1
    assert offset == len(packed.content)
    # Values of every run, and of the last ones both ends of their intervals and their errors.
    last = len(contents.models[0].states) + len(contents.models[1].states)
    assert seen == len(stored) + 3 * len(contents.scopes) * last


def test_the_last_checkpoints_come_first_then_the_metrics_asked_for_most(series: Database) -> None:
    counts = read_counts(series, read_contents(series))
    select = partial(select_metrics, counts.of_metric, cells=100, newest_cells=10)
    plenty = select(budget=10_000)
    assert [x.metric for x in plenty] == ["anisotropy", "twonn", "mean_cosine"]
    assert all(x.every for x in plenty)
    assert [x.every_interval for x in plenty] == [False, True, False]
    # 50 for the last checkpoints, 200 for two metrics, and no 200 for intervals.
    scarce = select(budget=260)
    assert [x.every for x in scarce] == [True, True, False]
    assert not any(x.every_interval for x in scarce)
    # One metric is always whole.
    none = select(budget=0)
    assert [x.every for x in none] == [True, False, False]
    chosen = select(budget=0, only=["mean_cosine", "twonn"])
    assert [(x.metric, x.every) for x in chosen] == [
        ("mean_cosine", True),
        ("twonn", False),
    ]
