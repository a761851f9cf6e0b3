"""A later run of fewer tokens that hides a larger one is told of."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from embstore.asking.ask import find_question, run_question
from embstore.asking.hidden_runs import HiddenRun, describe_hidden, hidden_runs, hiding_note
from embstore.store.connection import Database, open_database
from embstore.store.writing import write_run
from tests.synthetic import make_run

LATER = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model a was measured again with fewer tokens; b with more; c over another text."""
    database = open_database(tmp_path_factory.mktemp("filled") / "s.duckdb")
    for run in (
        make_run(name="a", tokens=1024),
        make_run(name="a", tokens=8192),
        make_run(name="a", tokens=512, created_at=LATER),
        make_run(name="b", tokens=512),
        make_run(name="b", tokens=1024, created_at=LATER),
        make_run(name="c", tokens=1024),
        make_run(name="c", tokens=512, corpus="verse", created_at=LATER),
    ):
        write_run(database, run)
    return database.path


@pytest.fixture
def database(filled: Path, tmp_path: Path) -> Database:
    """A copy of that store."""
    return open_database(shutil.copy(filled, tmp_path))


def note(database: Database, name: str, **params: object) -> str | None:
    return hiding_note(database, run_question(database, find_question(name), params))


def test_the_largest_hidden_run_is_found(database: Database) -> None:
    (found,) = hidden_runs(database)
    assert (found.model, found.revision, found.tokens, found.hidden_tokens) == (
        *("a", "main"),
        *(512, 8192),
    )
    shown = database.select("SELECT run_id FROM latest_run WHERE model = 'a'")
    assert [found.run_id] == shown["run_id"].to_pylist()


@pytest.mark.parametrize(
    "name", ["layer_profile", "layers", "sink_effect", "dimension_ceiling", "nearest_models"]
)
def test_answers_that_show_it_say_so(database: Database, name: str) -> None:
    if name == "nearest_models":
        # Comparable with nothing else as it is measured.
        write_run(database, make_run(name="d", tokens=512))
    assert note(database, name) == (
        "A later run of 512 tokens hides one of 8,192 (a, main): see embstore query runs."
    )


def test_answers_without_it_do_not(database: Database) -> None:
    assert note(database, "layer_profile", models=["b", "c"]) is None


def test_neighbours_and_runs_compared_count_too(database: Database) -> None:
    write_run(database, make_run(name="d", tokens=512))
    assert note(database, "nearest_models", model="d") is not None
    write_run(database, make_run(name="a", revision="step1", step=1, tokens=512))
    assert note(database, "layer_profile", revisions="step1") is None


@pytest.mark.parametrize("name", ["runs", "provenance", "cost", "checkpoints", "models"])
def test_lists_of_runs_hide_none(database: Database, name: str) -> None:
    assert note(database, name) is None


def test_an_answer_that_shows_both_hides_none(database: Database) -> None:
    sql = "SELECT run_id, layer, value FROM profile"
    assert hiding_note(database, database.select(sql)) is None
    assert hiding_note(database, database.select(f"{sql} WHERE tokens < 8192")) is not None


def test_two_are_named_and_the_rest_counted() -> None:
    runs = [HiddenRun(str(n), f"m{n}", "main", "t", 512, 8192, f"h{n}") for n in range(4)]
    assert describe_hidden(runs[:2]) == (
        "Later runs hide larger ones (m0, main: 512 for 8,192 tokens; m1, main: 512 for 8,192 "
        "tokens): see embstore query runs."
    )
    assert "; and 1 more checkpoint): see" in describe_hidden(runs[:3])
    assert "; and 2 more checkpoints): see" in describe_hidden(runs)
    # Over another text, the same checkpoint.
    again = replace(runs[0], corpus="u", run_id="x")
    assert "(m0, main): see" in describe_hidden([runs[0], again])
