"""What is no cloud of vectors, and what are no windows of it: refused in one line."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import embstore
from embstore.errors import MeasurementError

X = np.random.default_rng(0).normal(size=(30, 4))
LABELS = np.repeat(np.arange(6), 5)
HIDDEN = int((X > 1.5).any(axis=1).sum())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones(5), r"found shape \(5,\)"),
        (np.ones((0, 4)), r"found shape \(0, 4\)"),
        (np.ones((2, 0, 4)), r"found shape \(2, 0, 4\)"),
        (np.ones((2, 2, 2, 2)), r"found shape \(2, 2, 2, 2\)"),
        (np.ones((1, 4)), "1 row; a cloud has at least 2"),
        (np.ones((1, 1, 4)), "1 row; a cloud has at least 2"),
        (np.array([["a"]]), "found dtype <U1"),
        (np.array([[1.0, None]]), "found dtype object"),
        (np.ones((3, 2), dtype=complex), "found dtype complex128"),
        (np.ones((3, 2), dtype=bool), "found dtype bool"),
        (torch.ones(3, 2, dtype=torch.complex64), "found dtype complex64"),
        (torch.ones(3, 2, dtype=torch.bool), "found dtype bool"),
        (torch.eye(3).to_sparse(), "this tensor cannot be read as an array: can't convert Sparse"),
        (np.ma.masked_array(X, X > 1.5), f"{HIDDEN} of 30 vectors have masked values; leave them"),
        (
            np.ma.masked_array(X, X > 1.5).reshape(6, 5, 4),
            f"{HIDDEN} of 30 vectors have masked values",
        ),
        (
            [np.ma.masked_array(row, row > 1.5) for row in X],
            f"{HIDDEN} of 30 vectors have masked values",
        ),
        (np.ma.masked_array(X.astype(complex), X.real > 1.5), "found dtype complex128"),
        (
            np.array([[0.0, 1.0], [1.0, np.nan]]),
            r"1 of 2 vectors have NaN or infinite values, the first is row 1 \(from 0\)",
        ),
        (
            np.where(np.arange(12).reshape(2, 3, 2) == 9, np.inf, 1.0),
            r"1 of 6 vectors .* the first is window 1, token 1 \(from 0\)",
        ),
        ([[1.0, 2.0], [1.0, 2.0, 3.0]], "row 1 has 3 numbers, row 0 has 2"),
        ([[1.0, 2.0], 3.0], "row 1 has 1 numbers, row 0 has 2"),
        ([[[1.0], [2.0]], [[1.0], [2.0, 3.0]]], "lists of unequal lengths"),
        ("vectors.npy", "must be an array, not a path; load it first"),
        (Path("vectors.npy"), "must be an array, not a path; load it first"),
        (None, "found dtype object"),
    ],
)
def test_what_is_no_cloud_of_vectors(bad: object, message: str) -> None:
    with pytest.raises(MeasurementError, match=message) as raised:
        embstore.measure(bad)
    assert "\n" not in str(raised.value)


def test_a_masked_tensor_is_refused_as_a_masked_array_is() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The PyTorch API of MaskedTensors")
        from torch.masked import masked_tensor

        tensor = masked_tensor(torch.from_numpy(X), torch.from_numpy(X <= 1.5))
        with pytest.raises(MeasurementError, match=f"{HIDDEN} of 30 vectors have masked values"):
            embstore.measure(tensor)


def test_what_a_mask_leaves_whole_and_integers_are_measured() -> None:
    assert repr(embstore.measure(np.ma.masked_array(X))) == repr(embstore.measure(X))
    # As integers of NumPy are: in float64, where float32 would round them.
    numbers = (1e9 * X).astype(np.int64)
    assert repr(embstore.measure(torch.from_numpy(numbers))) == repr(embstore.measure(numbers))


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        (LABELS[:-1], "29 labels for 30 rows"),
        (np.arange(30), "each of the 30 rows has a window of its own"),
        (LABELS.reshape(6, 5), r"found shape \(6, 5\)"),
        ("document", "one label per row, not 'document'"),
        (5, "one label per row, not 5"),
        ([None, *LABELS[1:]], "no label at row 0"),
        (np.where(LABELS == 3, np.nan, LABELS), "no label at row 15"),
        (pd.array([1, None, *LABELS[2:]], dtype="Int64"), "no label at row 1"),
        ([("a", 1), None, *[("b", 2)] * 28], "no label at row 1"),
        ([{1}] * 30, "unhashable type: 'set'; give numbers, text or tuples"),
    ],
)
def test_what_are_no_windows(windows: object, message: str) -> None:
    with pytest.raises(MeasurementError, match=message) as raised:
        embstore.measure(X, windows=windows)
    assert "\n" not in str(raised.value)


def test_a_coordinate_that_counts_the_rows_is_told_of() -> None:
    """An array has no names to refuse it by."""
    rows = np.arange(len(X), dtype=float)
    for index in (rows, rows + 7, -rows):
        counted = np.column_stack([X, index])
        assert any("Coordinate 4 (from 0) counts" in n for n in embstore.measure(counted).notes)
        assert any("Coordinate 4" in n for n in embstore.measure_pair(X, counted).notes)
    for other in (rows * 2, rows // 2, np.where(rows == 20, 0, rows)):
        counted = np.column_stack([X, other])
        assert not any("Coordinate" in note for note in embstore.measure(counted).notes)


def test_windows_of_a_shaped_array_are_its_own() -> None:
    shaped = X.reshape(6, 5, 4)
    with pytest.raises(MeasurementError, match="windows already"):
        embstore.measure(shaped, windows=LABELS)
    with pytest.raises(MeasurementError, match="the vectors of Y came as"):
        embstore.measure_pair(X, shaped, windows=LABELS)
    assert repr(embstore.measure(shaped)) == repr(embstore.measure(X, windows=LABELS))
    assert repr(embstore.measure_pair(X, shaped)) == repr(
        embstore.measure_pair(X, X, windows=LABELS)
    )


def test_one_window_has_values_and_no_errors() -> None:
    found = embstore.measure(X, windows=["a"] * 30)
    # Without intervals no directions are needed, and eigenvalues come from another routine.
    assert found["anisotropy"].value == pytest.approx(
        embstore.measure(X)["anisotropy"].value, rel=1e-12
    )
    assert np.isnan([result.std_error for result in found.values()]).all()
    assert found.notes[0] == "All vectors are of one window: standard errors need two or more."


def test_vectors_of_one_token_a_window_are_measured() -> None:
    found, flat = embstore.measure(X[:, np.newaxis]), embstore.measure(X)
    assert found["anisotropy"] == flat["anisotropy"]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, X[:-1], "X has 30 rows and Y 29"),
        (X.reshape(6, 5, 4), X.reshape(5, 6, 4), "X has 5 tokens a window and Y 6"),
        (X, np.full((30, 2), np.nan), "30 of 30 the vectors of Y"),
    ],
)
def test_what_is_no_pair(x: object, y: object, message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        embstore.measure_pair(x, y)


@pytest.mark.parametrize("kind", ["pandas", "polars", "torch", "lists"])
def test_vectors_of_any_library(kind: str) -> None:
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(4)])
    # Rows left out leave gaps in the index, which pandas then writes as a column.
    given: dict[str, Any] = {
        "pandas": frame[frame.index % 3 > 0],
        "polars": pl.DataFrame(X[np.arange(30) % 3 > 0], schema=list(frame.columns)),
        "torch": torch.from_numpy(X[np.arange(30) % 3 > 0]),
        "lists": X[np.arange(30) % 3 > 0].tolist(),
    }
    found = embstore.measure(given[kind])
    assert repr(found) == repr(embstore.measure(X[np.arange(30) % 3 > 0]))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("id", np.arange(30), "column 'id' is called like an index"),
        ("word", ["a"] * 30, "column 'word' holds .*string, not numbers"),
        ("day", np.arange(30, dtype=float), "column 'day' counts its rows"),
    ],
)
def test_a_frame_column_that_is_no_coordinate(column: str, values: Any, message: str) -> None:
    frame = pd.DataFrame(X, columns=list("abcd")).assign(**{column: values})
    with pytest.raises(MeasurementError, match=message):
        embstore.measure(frame)
    # As an array it is taken at its word.
    if column != "word":
        assert embstore.measure(frame.to_numpy(float))["anisotropy"].value > 0.9
