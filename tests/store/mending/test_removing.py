import dataclasses
import random
from datetime import UTC, datetime, timedelta

import pytest

from embstore.errors import QueryError, StoreError, UsageError
from embstore.store.database import Database
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.removing import remove_runs
from embstore.store.mending.tagging import tag_run
from embstore.store.writing import write_failure, write_run, write_runs
from embstore.types import Run
from tests.store.contents import contents, counts, rows
from tests.stores import new_store
from tests.synthetic import METRICS, make_failure, make_run

START = datetime(2026, 11, 1, tzinfo=UTC)
RAISED = (dataclasses.replace(METRICS[0], version=2), *METRICS[1:])
KEPT = [make_run(name="lab/kept"), make_run(name="lab/kept", revision="step1", step=1)]
GONE = [
    make_run(name="lab/gone", corpus="verse"),
    make_run(name="lab/gone", kind="encoder-decoder", revision="step1", step=1),
    dataclasses.replace(make_run(name="lab/gone", seed=2), metrics=RAISED),
]
FAILURE = make_failure("lab/gone", "step2")


@pytest.fixture
def both(database: Database) -> Database:
    for run_id in write_runs(database, [*KEPT, *GONE]):
        tag_run(database, run_id, {"k": "v"})
    write_failure(database, FAILURE)
    return database


def only_kept(database: Database) -> dict[str, list[str]]:
    kept = new_store(database.path.with_name("kept.duckdb"), KEPT)
    found = contents(kept)
    del found["tag_change"]
    return found


@pytest.mark.slow
def test_a_model_goes_with_all_that_nothing_else_needs(both: Database) -> None:
    removed = remove_runs(both, Selection(models=["lab/gone"]))
    assert removed.runs.num_rows == 3
    assert removed.measurements == sum(len(run.measured.measurements) for run in GONE)
    assert removed.failures == 1
    left = contents(both)
    tags = left.pop("tag_change")
    assert left == only_kept(both)
    assert len(tags) == len(KEPT)
    # As if they had never been there: they can be stored again.
    write_runs(both, GONE)
    assert counts(both)["run"] == 5


@pytest.mark.slow
def test_a_preview_says_the_same_and_changes_nothing(both: Database) -> None:
    before = contents(both)
    told = remove_runs(both, Selection(models=["lab/gone"]), dry_run=True)
    assert contents(both) == before
    done = remove_runs(both, Selection(models=["lab/gone"]))
    assert told.runs == done.runs
    assert (told.measurements, told.failures) == (done.measurements, done.failures)
    assert told.runs.column_names == [
        *("model", "revision", "corpus", "created_at", "run_id", "measurements")
    ]


@pytest.mark.slow
def test_runs_are_those_that_fit_all_that_is_given(both: Database) -> None:
    def chosen(**given: list[str]) -> list[tuple[object, object]]:
        table = remove_runs(both, Selection(**given), dry_run=True).runs
        return [(row["model"], row["revision"]) for row in table.to_pylist()]

    assert chosen(revisions=["step1"]) == [("lab/gone", "step1"), ("lab/kept", "step1")]
    assert chosen(models=["lab/gone"], revisions=["step1"]) == [("lab/gone", "step1")]
    (row, *_) = rows(both, "SELECT run_id FROM profile WHERE model = 'lab/kept' AND step = 1")
    run_id = str(row["run_id"])
    assert chosen(runs=[run_id[:8]]) == [("lab/kept", "step1")]
    assert chosen(runs=[run_id], models=["lab/kept"]) == [("lab/kept", "step1")]
    with pytest.raises(QueryError, match=r"no run .* among those asked for"):
        chosen(runs=[run_id], models=["lab/gone"])


@pytest.mark.slow
def test_what_is_not_there_is_refused(both: Database) -> None:
    before = contents(both)
    for selection, kind, says in (
        (Selection(), UsageError, "no run is named"),
        (Selection(runs=["abc"]), UsageError, "too short"),
        (Selection(models=["lab/gon"]), QueryError, "did you mean lab/gone"),
        (Selection(models=["lab/kept", "nobody"]), QueryError, "no model 'nobody'"),
        (Selection(revisions=["step9"]), QueryError, "no revision 'step9'"),
    ):
        with pytest.raises(kind, match=says):
            remove_runs(both, selection)
    assert contents(both) == before


def test_of_one_checkpoint_a_run_goes_and_the_rest_stays(database: Database) -> None:
    first, second = write_runs(database, [make_run(), make_run(seed=1)])
    remove_runs(database, Selection(runs=[first]))
    found = counts(database)
    assert (found["run"], found["checkpoint"], found["model"], found["metric"]) == (1, 1, 1, 3)
    assert rows(database, "SELECT DISTINCT run_id FROM profile") == [{"run_id": second}]


@pytest.mark.slow
def test_a_model_of_which_there_are_only_failures_goes_too(database: Database) -> None:
    write_run(database, KEPT[0])
    write_failure(database, FAILURE)
    removed = remove_runs(database, Selection(models=["lab/gone"]))
    assert (removed.runs.num_rows, removed.failures) == (0, 1)
    assert counts(database)["failure"] == 0
    write_failure(database, FAILURE)
    write_failure(database, make_failure("lab/gone", "step3"))
    remove_runs(database, Selection(models=["lab/gone"], revisions=["step3"]))
    assert rows(database, "SELECT revision FROM failure") == [{"revision": "step2"}]


def copy(day: int, revision: str) -> Run:
    run = make_run(revision=revision, created_at=START + timedelta(days=day))
    return dataclasses.replace(
        run, checkpoint=dataclasses.replace(run.checkpoint, weights_sha256="same")
    )


@pytest.mark.slow
def test_copies_of_a_removed_checkpoint_are_copies_of_the_next(database: Database) -> None:
    write_runs(database, [copy(1, "step1"), copy(2, "step2"), copy(3, "step3")])
    remove_runs(database, Selection(revisions=["step1"]))
    found = rows(
        database,
        "SELECT c.revision, o.revision AS original FROM checkpoint AS c "
        "LEFT JOIN checkpoint AS o ON o.checkpoint_id = c.duplicate_of ORDER BY ALL",
    )
    assert found == [
        {"revision": "step2", "original": None},
        {"revision": "step3", "original": "step2"},
    ]
    assert counts(database)["checkpoint"] == 2


@pytest.mark.slow
def test_the_space_of_what_is_removed_is_free_for_later_runs(database: Database) -> None:
    # Numbers that do not compress: 8 bytes each, so that of each run 1.3 MB go.
    rng = random.Random(0)
    large = [
        make_run(name="large", n_layers=9000, seed=seed, values=lambda *_: rng.random())
        for seed in range(2)
    ]
    write_runs(database, [*KEPT, *large])
    size = database.path.stat().st_size
    removed = remove_runs(database, Selection(models=["large"]))
    numbers = 8 * sum(len(run.measured.measurements) for run in large)
    assert removed.freed_bytes is not None
    assert numbers / 2 < removed.freed_bytes <= size
    assert counts(database)["measurement"] == 2 * 54
    # The tables that were made anew are as they were.
    write_runs(database, large[:1])
    assert database.path.stat().st_size <= size + removed.freed_bytes
    with pytest.raises(StoreError, match="NOT NULL"), database.begin() as connection:
        connection.exec_driver_sql("INSERT INTO layer (run_id) VALUES ('x')")
