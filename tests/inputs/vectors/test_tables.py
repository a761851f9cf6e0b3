"""No index, id or label is taken for a coordinate: left out where certain, else refused by name."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import embstore
from embstore.errors import MeasurementError, UsageError
from embstore.inputs.vectors.files import open_vectors
from embstore.inputs.vectors.tables import ColumnChoice, read_columns, read_lists

N = 120
X = np.random.default_rng(0).normal(size=(N, 5)) + 1
NAMES = [f"c{i}" for i in range(5)]
FRAME = pd.DataFrame(X, columns=NAMES)


def table(**more: Any) -> pa.Table:
    return pa.table({**more, **{name: X[:, i] for i, name in enumerate(NAMES)}})


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        FRAME.set_index(np.arange(0, 3 * N, 3)),
        FRAME.set_index(pd.Index([f"w{i}" for i in range(N)])),
        FRAME.set_index([np.arange(N) // 10, np.arange(N) % 10]),
        FRAME.rename(columns=dict(zip(NAMES, range(5), strict=True))),
    ],
    ids=["plain", "filtered", "words", "two", "numbered"],
)
def test_an_index_of_pandas_is_left_out(frame: pd.DataFrame, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path)
    found = open_vectors(path).read()
    # Text keeps all digits of a float64.
    np.testing.assert_allclose(found.array.astype(np.float64), X, rtol=1e-14)


def test_a_filtered_frame_has_the_anisotropy_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "small.parquet"
    FRAME[FRAME["c0"] > 0].to_parquet(path)
    kept = X[X[:, 0] > 0]
    values = np.linalg.eigvalsh(np.cov(kept.T))
    found = embstore.measure(open_vectors(path).read().array)
    assert found["anisotropy"].value == pytest.approx(values[-1] / values.sum(), rel=1e-9)


def test_an_index_that_has_a_name_is_left_out_of_parquet(tmp_path: Path) -> None:
    FRAME.rename_axis("document").to_parquet(tmp_path / "x.parquet")
    FRAME.set_index(pd.Index(np.arange(N) ** 2, name="document")).to_parquet(tmp_path / "y.parquet")
    assert open_vectors(tmp_path / "x.parquet").read().left_out == ()
    assert open_vectors(tmp_path / "y.parquet").read().left_out == ("document",)


def test_what_cannot_be_a_coordinate_is_left_out_and_named() -> None:
    found = read_columns(
        table(
            word=["a"] * N,
            flag=[True] * N,
            day=[date(2026, 1, 1)] * N,
            __index_level_0__=np.arange(N),
        ),
        ColumnChoice(),
    )
    assert found.left_out == ("word", "flag", "day", "__index_level_0__")
    np.testing.assert_array_equal(found.array, X)


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        *((name, X[:, 0], "is called like an index, an id or a label") for name in
          ("id", "ID", "index", "idx", "row", "row_number", "doc_id", "level_0", "label")),
        ("token", np.arange(N) % 7, "holds whole numbers beside columns of decimals"),
        ("hash", np.random.default_rng(1).permutation(10**6)[:N], "holds whole numbers beside"),
        ("layer", np.arange(N) % 3 * 1.0, "holds whole numbers beside columns of decimals"),
        ("step", np.full(N, 1000.0), "holds whole numbers beside columns of decimals"),
        ("gaps", np.where(np.arange(N) == 9, np.nan, np.arange(N) % 5), "holds whole numbers"),
        ("when", np.arange(N) * 1.0, "counts its rows"),
        ("left", np.arange(N)[::-1] + 0.5, "counts its rows"),
    ],
)  # fmt: skip
def test_what_looks_like_an_id_is_refused_by_name(name: str, values: Any, why: str) -> None:
    found = table(**{name: values})
    with pytest.raises(MeasurementError, match=f"^column '{name}' {why}") as raised:
        read_columns(found, ColumnChoice())
    assert f"--ignore '{name}'" in str(raised.value)
    assert "--columns 'c*'" in str(raised.value)
    for choice in (ColumnChoice(ignore=(name,)), ColumnChoice(columns=("c*",))):
        np.testing.assert_array_equal(read_columns(found, choice).array, X)
    # Who says so may have it.
    assert read_columns(found, ColumnChoice(columns=("*",))).array.shape == (N, 6)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.arange(N) * 3, "rise or fall from row to row"),
        (-(np.arange(N) ** 2), "rise or fall from row to row"),
        (np.random.default_rng(1).permutation(10**6)[:N], "another whole number in every row"),
    ],
)
def test_an_id_among_whole_numbers(values: Any, why: str) -> None:
    whole = {name: (X[:, i] * 20).astype(np.int8) for i, name in enumerate(NAMES)}
    assert read_columns(pa.table(whole), ColumnChoice()).array.shape == (N, 5)
    with pytest.raises(MeasurementError, match=why):
        read_columns(pa.table({"a": values, **whole}), ColumnChoice())


def test_coordinates_that_are_zero_or_huge_are_coordinates() -> None:
    """A dead unit, and float32 numbers so large that all are whole."""
    huge = (X[:, 0] * 1e9).astype(np.float32)
    found = read_columns(table(dead=np.zeros(N), none=np.zeros(N, int), huge=huge), ColumnChoice())
    assert found.array.shape == (N, 8)


@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 10**6))
def test_no_table_of_random_decimals_is_refused(n: int, d: int, seed: int) -> None:
    Z = np.random.default_rng(seed).normal(size=(n, d))
    found = read_columns(pa.table({f"x{i}": Z[:, i] for i in range(d)}), ColumnChoice())
    np.testing.assert_array_equal(found.array, Z)


def test_a_pattern_stands_for_what_can_be_a_coordinate_and_a_name_for_itself() -> None:
    found = table(word=["a"] * N, id=np.arange(N), __index_level_0__=np.arange(N))
    assert read_columns(found, ColumnChoice(columns=("*",))).array.shape == (N, 6)
    both = ColumnChoice(columns=("*",), ignore=("id",))
    np.testing.assert_array_equal(read_columns(found, both).array, X)
    index = ColumnChoice(columns=("__index_level_0__", "c0"))
    assert read_columns(found, index).array.shape == (N, 2)
    with pytest.raises(UsageError, match=r"no column of numbers fits w\*"):
        read_columns(found, ColumnChoice(columns=("w*",)))


def test_columns_used_for_something_else_are_none() -> None:
    found = read_columns(table(sentence=np.arange(N) // 10), ColumnChoice(), ("sentence",))
    np.testing.assert_array_equal(found.array, X)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["1.5"] * N, "all are text"),
        (["1.5"] * 9 + ["n/a"] + ["1.5"] * (N - 10), "row 9 .* has 'n/a'"),
    ],
)
def test_numbers_as_text_are_refused(values: list[str], found: str) -> None:
    with pytest.raises(MeasurementError, match=f"'v' holds numbers as text .*{found}"):
        read_columns(table(v=values), ColumnChoice())


def test_decimals_are_numbers() -> None:
    column = pa.array([Decimal("1.25"), Decimal("-2.50"), Decimal("0.75")])
    found = read_columns(pa.table({"a": column, "b": column}), ColumnChoice())
    np.testing.assert_array_equal(found.array, [[1.25, 1.25], [-2.5, -2.5], [0.75, 0.75]])


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (ColumnChoice(columns=("d*",)), "no column .d.*; choose from word, c0, c1"),
        (ColumnChoice(ignore=("c00",)), r"no column 'c00' \(did you mean c0"),
        (ColumnChoice(columns=("word",)), "column 'word' holds string, not numbers"),
    ],
)
def test_columns_that_are_not_there(choice: ColumnChoice, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_columns(table(word=["a"] * N), choice)


def test_tables_without_coordinates() -> None:
    with pytest.raises(MeasurementError, match="no columns of numbers"):
        read_columns(pa.table({"word": ["a", "b"]}), ColumnChoice())
    with pytest.raises(MeasurementError, match="no rows in it"):
        read_columns(pa.table({"a": pa.array([], pa.float64())}), ColumnChoice())


@pytest.mark.parametrize("type_", [pa.list_(pa.float64()), pa.list_(pa.float64(), 5)])
def test_lists_are_vectors(type_: pa.DataType) -> None:
    column = pa.chunked_array([pa.array(X[:50].tolist(), type_), pa.array(X[50:].tolist(), type_)])
    np.testing.assert_array_equal(read_lists(pa.table({"v": column}), "v"), X)


def test_lists_of_lists_are_windows() -> None:
    nested = X.reshape(12, 10, 5)
    np.testing.assert_array_equal(read_lists(pa.table({"v": nested.tolist()}), "v"), nested)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([[1.0], [1.0, 2.0]], r"not all of one length: row 1 \(from 0\) has 2, row 0 1"),
        ([[1.0], None], r"no vector in row 1 \(from 0\)"),
        ([[[1.0]], [[1.0], [2.0]]], "not all of one length: row 1"),
    ],
)
def test_lists_that_are_no_vectors(lists: list[Any], message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        read_lists(pa.table({"v": lists}), "v")
