"""Why an answer has no rows."""

from pathlib import Path

import pytest

from embstore.api.store import Store, open_store
from embstore.errors import QueryError
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    new_store(tmp_path / "s.duckdb", [make_run(name="lab/decoder")])
    return open_store(tmp_path / "s.duckdb")


@pytest.mark.slow
def test_python_is_told_in_the_words_of_the_command_line(store: Store) -> None:
    why = f"{store.place} has no checkpoint with a training step"
    assert store.query("phases").why_empty == why
    with pytest.raises(QueryError, match=f"^question phases: no rows, .* nothing to draw: {why}$"):
        store.chart("phases")
    with pytest.raises(QueryError, match=f"nothing to draw: {why}$"):
        store.query("phases").plot()
    assert store.with_reasons(store.query("layer_profile")).why_empty == ""


def test_what_was_asked_is_written_as_it_would_be_typed(store: Store) -> None:
    found = store.query("phases", models=["lab/decoder"], z=3, by="layer")
    assert found.why_empty == (
        f"nothing in {store.place} fits models=lab/decoder, z=3.0, by=layer: "
        "no checkpoint with a training step"
    )
