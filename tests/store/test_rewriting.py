"""What is written beside what is there: again, in part the same, after a failure."""

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from embstore.common.paths import resource_folder
from embstore.store import ids
from embstore.store.database import Database
from embstore.store.mending.find_runs import Selection
from embstore.store.mending.removing import remove_runs
from embstore.store.stored_checkpoints import configs_of_checkpoints, stored_checkpoints
from embstore.store.writing import (
    next_repeats,
    repeat_of,
    write_failure,
    write_run,
    write_runs,
)
from embstore.types import Failure
from tests.store.contents import counts, rows
from tests.synthetic import METRICS, make_run, with_weights

LATER = datetime(2027, 1, 1, tzinfo=UTC)


def test_writing_again_changes_nothing(database: Database) -> None:
    first = write_run(database, make_run())
    before = counts(database)
    assert write_run(database, make_run(created_at=LATER)) == first
    assert counts(database) == before
    assert rows(database, "SELECT created_at FROM run") == [
        {"created_at": make_run().provenance.created_at}
    ]


@pytest.mark.slow
def test_repeats_are_runs_of_their_own(database: Database) -> None:
    work = ids.configuration_id_of(make_run())
    assert next_repeats(database) == {}
    written = [write_run(database, make_run(repeat=repeat)) for repeat in range(3)]
    assert len(set(written)) == 3
    assert next_repeats(database) == {work: 3}
    assert counts(database)["model"] == 1
    # The number of one that is gone is not given to another while later ones are there.
    remove_runs(database, Selection(runs=written[:1]))
    assert next_repeats(database) == {work: 3}
    assert repeat_of(database, make_run(created_at=LATER)) == 3


@pytest.mark.slow
def test_a_repeat_whose_number_is_taken_gets_the_next(database: Database) -> None:
    first, theirs = write_runs(database, [make_run(), make_run(repeat=1)])
    ours = make_run(repeat=1, created_at=LATER)
    stored = write_run(database, ours)
    assert stored not in {first, theirs}
    # That it is written once more, as after a lost answer, changes nothing.
    assert write_run(database, ours) == stored
    assert rows(database, "SELECT repeat, created_at FROM run ORDER BY repeat") == [
        {"repeat": repeat, "created_at": run.provenance.created_at}
        for repeat, run in enumerate((make_run(), make_run(), ours))
    ]
    found = rows(database, "SELECT run_id, count(*) AS n FROM measurement GROUP BY ALL")
    assert {row["run_id"] for row in found} == {first, theirs, stored}
    assert len({row["n"] for row in found}) == 1


@pytest.mark.slow
def test_shared_rows_are_stored_once(database: Database) -> None:
    write_run(database, make_run(revision="step1", step=1))
    write_run(database, make_run(revision="step2", step=2))
    write_run(database, make_run(revision="step2", step=2, corpus="other-text"))
    raised = dataclasses.replace(METRICS[0], version=2)
    write_run(database, dataclasses.replace(make_run(), metrics=(raised, *METRICS[1:])))
    found = counts(database)
    assert {name: found[name] for name in ("model", "checkpoint", "corpus", "run", "metric")} == {
        "model": 1,
        "checkpoint": 3,
        "corpus": 2,
        "run": 4,
        "metric": 4,
    }


def test_metric_versions_are_canonical_json(database: Database) -> None:
    backwards = dataclasses.replace(make_run(), metrics=METRICS[::-1])
    assert write_run(database, backwards) == write_run(database, make_run())
    (row,) = rows(database, "SELECT metric_versions FROM run")
    assert json.loads(str(row["metric_versions"])) == {m.name: 1 for m in METRICS}


@pytest.mark.slow
def test_a_copy_is_marked_with_the_checkpoint_that_was_stored_first(database: Database) -> None:
    first, copy, third = (
        with_weights(make_run(revision=revision, created_at=created_at), "same")
        for revision, created_at in (
            ("step2", datetime(2026, 1, 1, tzinfo=UTC)),
            ("step1", datetime(2026, 1, 2, tzinfo=UTC)),
            ("main", datetime(2026, 1, 3, tzinfo=UTC)),
        )
    )
    assert stored_checkpoints(database).original(first.model.name, first.checkpoint) is None
    for run in (first, copy, third, with_weights(make_run(name="other"), "same")):
        write_run(database, run)
    marked = rows(
        database, "SELECT revision, duplicate_of FROM checkpoint ORDER BY ALL NULLS FIRST"
    )
    first_id = ids.checkpoint_id(first.model.name, first.checkpoint)
    assert marked == [
        {"revision": "main", "duplicate_of": None},  # of the other model
        {"revision": "main", "duplicate_of": first_id},
        {"revision": "step1", "duplicate_of": first_id},
        {"revision": "step2", "duplicate_of": None},
    ]
    stored = stored_checkpoints(database)
    assert stored.original(first.model.name, copy.checkpoint) == "step2"
    assert stored.original("nobody", copy.checkpoint) is None
    # The first does not become a copy of its copies.
    assert stored.original(first.model.name, first.checkpoint) is None
    # Fingerprinted by its files, it is found by what was stored of its tensors.
    assert stored.fingerprint(first.model.name, first.checkpoint) == "same"
    of_tensors = dataclasses.replace(copy.checkpoint, weights_sha256="t", files_sha256="same")
    assert stored.original(first.model.name, of_tensors) == "step2"
    listed = rows(
        database,
        resource_folder("queries").joinpath("duplicate_checkpoints.sql").read_text(),
        models=None,
    )
    assert [(row["revision"], row["duplicate_of"], row["copies"]) for row in listed] == [
        ("main", "step2", 3),
        ("step1", "step2", 3),
        ("step2", None, 3),
    ]


@pytest.mark.slow
def test_a_failure_is_resolved_by_a_later_run(database: Database) -> None:
    failure = Failure(
        model="example/decoder-small",
        revision="step7",
        stage="load",
        reason="damaged weights",
        corpus="example-text",
        failed_at=datetime(2026, 11, 2, tzinfo=UTC),
        embstore_version="0.1.0",
        study="tiny",
    )
    write_failure(database, failure)
    assert rows(database, "SELECT * FROM failure") == [dataclasses.asdict(failure)]
    question = resource_folder("queries").joinpath("failures.sql").read_text()

    def resolved() -> list[object]:
        return [row["resolved"] for row in rows(database, question, models=None)]

    assert resolved() == [False]
    write_run(database, make_run(revision="step7", created_at=datetime(2026, 11, 1, tzinfo=UTC)))
    assert resolved() == [False]
    write_run(
        database,
        make_run(revision="step7", seed=1, created_at=datetime(2026, 11, 3, tzinfo=UTC)),
    )
    assert resolved() == [True]
    # One of another model that has no runs at all stays.
    write_failure(database, dataclasses.replace(failure, model="nobody"))
    assert resolved() == [True, False]


def test_the_newest_run_that_says_it_tells_a_checkpoints_configuration(
    database: Database,
) -> None:
    assert configs_of_checkpoints(database) == {}
    facts = (
        ("step1", 1, "old"),
        ("step1", 3, "new"),
        ("step1", 2, "middle"),
        ("step1", 4, None),
        ("step2", 1, "new"),
        ("step3", 1, None),
    )
    runs = [
        dataclasses.replace(
            make_run(revision=revision, seed=day, created_at=datetime(2026, 1, day, tzinfo=UTC)),
            model_config=config,
        )
        for revision, day, config in facts
    ]
    write_runs(database, runs)
    first, second = (
        ids.checkpoint_id(run.model.name, run.checkpoint) for run in (runs[0], runs[4])
    )
    assert configs_of_checkpoints(database) == {first: "new", second: "new"}
