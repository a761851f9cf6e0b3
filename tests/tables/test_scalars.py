"""Texts for Arrow without pandas, against those that Arrow makes itself."""

import pyarrow as pa
import pytest

from embstore.tables.scalars import text, texts


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 40])
def test_texts_are_those_of_arrow(n: int) -> None:
    values = [None if i % 3 == 1 else "é" * (i % 4) + str(i) for i in range(n)]
    found = texts(values)
    found.validate(full=True)
    assert found.type == pa.string()
    assert found.to_pylist() == values
    assert found.null_count == values.count(None)


def test_one_text() -> None:
    assert text("日本").as_py() == "日本"
    assert text("").as_py() == ""
    assert text(None).as_py() is None
