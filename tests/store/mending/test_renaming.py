from pathlib import Path

import pytest

from embstore.errors import QueryError, UsageError
from embstore.store import ids
from embstore.store.database import Database
from embstore.store.mending.merging import merge_stores
from embstore.store.mending.renaming import rename_model
from embstore.store.writing import next_repeats, write_failure, write_run, write_runs
from tests.store.contents import contents, counts, rows
from tests.stores import new_store
from tests.synthetic import make_failure, make_run, with_weights

STEPS = [make_run(name="old", revision=f"step{step}", step=step) for step in (1, 2)]


def test_a_model_has_the_new_name_everywhere(database: Database) -> None:
    write_runs(database, [*STEPS, make_run(name="other")])
    write_failure(database, make_failure("old"))
    assert rename_model(database, "old", "lab/new") == 2
    assert rows(database, "SELECT DISTINCT model FROM profile ORDER BY model") == [
        *({"model": "lab/new"}, {"model": "other"})
    ]
    assert rows(database, "SELECT model FROM failure") == [{"model": "lab/new"}]


def test_what_is_measured_is_still_recognised(database: Database) -> None:
    write_runs(database, STEPS)
    rename_model(database, "old", "new")
    assert next_repeats(database)[ids.configuration_id_of(STEPS[0])] == 1
    # The next checkpoint of the series joins the model.
    write_run(database, make_run(name="old", revision="step3", step=3))
    assert counts(database)["model"] == 1
    assert rows(database, "SELECT DISTINCT model FROM profile") == [{"model": "new"}]


def test_a_copy_of_its_weights_is_still_marked(database: Database) -> None:
    first, copy = (with_weights(run, "same") for run in STEPS)
    write_run(database, first)
    rename_model(database, "old", "new")
    write_run(database, copy)
    assert rows(database, "SELECT revision, duplicate_of FROM checkpoint ORDER BY revision") == [
        {"revision": "step1", "duplicate_of": None},
        {"revision": "step2", "duplicate_of": ids.checkpoint_id("old", first.checkpoint)},
    ]


@pytest.mark.slow
def test_merging_with_the_first_name_doubles_nothing(database: Database, tmp_path: Path) -> None:
    write_runs(database, STEPS)
    other = new_store(tmp_path / "other.duckdb", STEPS)
    rename_model(database, "old", "new")
    before = contents(database)
    merge_stores(database, [other.path])
    assert contents(database) == before


@pytest.mark.slow
def test_a_name_that_is_taken_or_none_is_refused(database: Database) -> None:
    write_runs(database, [*STEPS, make_run(name="other")])
    write_failure(database, make_failure("failed"))
    before = contents(database)
    for name in ("other", "old", "failed"):
        with pytest.raises(QueryError, match=f"a model is called '{name}' already"):
            rename_model(database, "old", name)
    with pytest.raises(QueryError, match=r"no model 'olds' in this store .did you mean old"):
        rename_model(database, "olds", "new")
    for name in ("", " ", " new", "two\nlines"):
        with pytest.raises(UsageError, match="cannot be a model's name"):
            rename_model(database, "old", name)
    assert contents(database) == before
