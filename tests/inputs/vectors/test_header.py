"""Names of columns, without their values."""

from pathlib import Path

import pytest

from embstore.errors import MeasurementError
from embstore.inputs.vectors.files import open_vectors
from embstore.inputs.vectors.header import column_names


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "x;y\n1,5;2\n" + "2,5;3\n" * 50),
        ("a.tsv", "x\ty\n1\t2\n"),
        ("a.csv", "1,2\n3,4\n"),
    ],
)
def test_columns_are_called_as_when_the_table_is_read(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert column_names(path) == list(open_vectors(path).content.column_names)  # type: ignore[union-attr]


def test_what_has_no_columns_has_no_names(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(MeasurementError, match="no rows"):
        column_names(tmp_path / "empty.csv")
    assert column_names(tmp_path / "a.safetensors") == []
