"""Columns of text, whatever stands between them; and labels, one a line."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from embstore.errors import MeasurementError
from embstore.inputs.vectors.separated import read_label_lines, read_separated

X = np.random.default_rng(0).normal(size=(20, 3))
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


def numbers(found: pa.Table) -> np.ndarray:
    return np.stack([column.to_numpy() for column in found.columns], axis=1)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (FRAME.to_csv(index=False), ["a", "b", "c"]),
        ("\ufeff" + FRAME.to_csv(index=False), ["a", "b", "c"]),
        (FRAME.to_csv(index=False, quoting=2), ["a", "b", "c"]),
        (FRAME.to_csv(index=False, lineterminator="\r\n"), ["a", "b", "c"]),
        (FRAME.to_csv(index=False, sep="\t"), ["a", "b", "c"]),
        (FRAME.to_csv(index=False, sep=";"), ["a", "b", "c"]),
        (FRAME.to_csv(index=False, sep=";", decimal=","), ["a", "b", "c"]),
        (FRAME.to_csv(index=False, header=False), ["1", "2", "3"]),
        (FRAME.to_csv(index=False, header=False, sep=";", decimal=","), ["1", "2", "3"]),
        (FRAME.set_axis(range(3), axis=1).to_csv(index=False), ["0", "1", "2"]),
        (FRAME.to_csv(index=False, header=False, sep=" "), ["1", "2", "3"]),
        (FRAME.to_string(index=False, header=False, float_format="%.17g"), ["1", "2", "3"]),
        ("# made by savetxt\n# twice\n" + FRAME.to_csv(index=False), ["a", "b", "c"]),
    ],
)
def test_columns_however_they_are_written(content: str, names: list[str]) -> None:
    found = read_separated(content.encode())
    assert found.column_names == names
    np.testing.assert_allclose(numbers(found), X, rtol=1e-14)


def test_one_column() -> None:
    assert read_separated(b"1.5\n2.5\n")["1"].to_pylist() == [1.5, 2.5]
    assert read_separated(b"v\n1.5\n2.5\n")["v"].to_pylist() == [1.5, 2.5]


def test_a_column_is_whole_only_if_all_of_it_is() -> None:
    """Types are not told from the first block of a long file."""
    rows = ["1,2.5"] * 200_000 + ["1.5,2.5"]
    found = read_separated("\n".join(rows).encode())
    assert found.schema.types == [pa.float64(), pa.float64()]


def test_a_gap_is_not_a_number() -> None:
    found = read_separated(b"a,b\n1.5,2.5\n,3.5\n")
    assert np.isnan(found["a"].to_numpy()[1])


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", MeasurementError, "no rows"),
        (b"\n\n", MeasurementError, "no rows"),
        (b"a,a\n1.5,2.5\n", MeasurementError, "two columns are called 'a'"),
        (b"a,b\n1.5,2.5\n1.5\n", pa.ArrowInvalid, "Expected 2 columns, got 1"),
        ("größe,b\n1.5,2\n".encode("latin-1"), UnicodeDecodeError, "utf-8"),
    ],
)
def test_what_cannot_be_read(content: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_separated(content)


@pytest.mark.parametrize(
    ("lines", "delimiter", "expected"),
    [
        (["a b", "a b", "c"], None, ["a b", "a b", "c"]),
        (["1", "1", "2"], ",", ["1", "1", "2"]),
        (["doc", "1", "2"], ",", ["1", "2"]),
        (["doc", "a", "b"], ",", ["doc", "a", "b"]),
        (['"Smith, J."', '"Smith, J."'], ",", ["Smith, J."] * 2),
        (["a", "", "b"], ",", ["a", None, "b"]),
        (["a", " ", "b"], None, ["a", None, "b"]),
    ],
)
def test_labels(lines: list[str], delimiter: str | None, expected: list[str | None]) -> None:
    assert read_label_lines(lines, delimiter).tolist() == expected


def test_labels_in_several_columns() -> None:
    with pytest.raises(MeasurementError, match="it has 2 columns; give one label a line"):
        read_label_lines(["a,b", "c,d"], ",")
