"""Of several runs of two models, the pair with most in common is compared."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from embstore.comparison.choose_runs import choose_runs, stored_runs
from embstore.errors import QueryError
from embstore.store.database import Database
from embstore.store.writing import write_run
from embstore.types import Run
from tests.stores import new_store
from tests.synthetic import METRICS, make_run


def run_of(name: str, day: int, n_metrics: int, *, intervals: bool = True) -> Run:
    run = make_run(
        name=name, metrics=METRICS[:n_metrics], created_at=datetime(2026, 11, day, tzinfo=UTC)
    )
    return replace(run, configuration=replace(run.configuration, intervals=intervals))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return new_store(tmp_path / "s.duckdb")


def chosen(database: Database) -> list[tuple[int, bool]]:
    a, b, _ = choose_runs(stored_runs(database), "a", "b")
    return [(len(run.measured), run.intervals) for run in (a, b)]


@pytest.mark.slow
def test_runs_with_more_metrics_go_before_runs_that_are_equal(database: Database) -> None:
    for name in ("a", "b"):
        write_run(database, run_of(name, 1, 1))
        write_run(database, run_of(name, 2, 2 if name == "a" else 3))
    assert chosen(database) == [(2, True), (3, True)]


def test_runs_with_errors_go_before_runs_without(database: Database) -> None:
    write_run(database, run_of("a", 1, 2, intervals=False))
    write_run(database, run_of("a", 2, 2))
    write_run(database, run_of("b", 1, 2))
    assert chosen(database) == [(2, True), (2, True)]


def test_a_group_of_seeds_is_no_run(database: Database) -> None:
    for name in ("lab/1", "lab/2"):
        write_run(database, make_run(name=name, tags={"seed_group": "lab/g"}))
    said = "lab/g is a group of seeds, and two runs are compared: name one of its models, lab/[12]"
    with pytest.raises(QueryError, match=said):
        choose_runs(stored_runs(database), "lab/g", "lab/1")


def test_of_two_models_of_one_name_each_has_to_be_named(database: Database) -> None:
    for size in (8, 16):
        write_run(database, make_run(name="lab/twin", hidden_size=size, weights=str(size)))
    write_run(database, make_run(name="lab/other"))
    runs = stored_runs(database)
    one, other = sorted({run.display_name for run in runs if run.model == "lab/twin"})
    said = f"may be ({one} or {other}|{other} or {one}); give the whole name"
    for asked in ("lab/twin", "twin", "lab/twin@main"):
        with pytest.raises(QueryError, match=said):
            choose_runs(runs, asked, "lab/other")
    a, b, notes = choose_runs(runs, one, f"{other}@main")
    assert (a.display_name, b.display_name) == (one, other)
    assert notes == []
