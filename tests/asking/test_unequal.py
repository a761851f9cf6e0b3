"""Numbers side by side that were not measured alike are told of."""

from dataclasses import replace
from pathlib import Path

import pytest

from embstore.api.store import Store
from embstore.store.connection import open_database
from embstore.store.writing import write_run
from tests.synthetic import make_run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    database = open_database(tmp_path / "s.duckdb")
    write_run(database, make_run(name="a"))
    write_run(database, make_run(name="b"))
    other = make_run(name="c", tokens=1024)
    write_run(database, replace(other, configuration=replace(other.configuration, seed=7)))
    return Store(database)


def test_runs_that_differ_in_more_than_model_and_text_are_told_of(store: Store) -> None:
    assert store.query("layer_profile", models=["a", "b"]).notes == ()
    (note,) = store.query("layer_profile", models=["a", "c"]).notes
    assert note == (
        "These runs differ in tokens (256, 1024), tokens kept (256, 1024), seed (0, 7): their "
        "numbers differ for that reason too."
    )


def test_a_chart_says_it_in_its_caption(store: Store) -> None:
    assert "These runs differ in tokens" in str(store.chart("layer_profile").to_dict()["title"])
    alike = store.chart("layer_profile", models=["a", "b"])
    assert "These runs differ" not in str(alike.to_dict()["title"])


def test_a_list_of_runs_is_no_comparison(store: Store) -> None:
    assert store.query("runs").notes == ()
