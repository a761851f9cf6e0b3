import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from embstore.errors import QueryError
from embstore.report.read.contents import read_contents
from embstore.store.database import Database
from embstore.store.writing import write_failure, write_run, write_runs
from embstore.types import Failure
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return new_store(tmp_path / "reading.duckdb")


def test_an_empty_store_has_nothing(database: Database) -> None:
    contents = read_contents(database)
    assert (contents.models, contents.runs, contents.newest, contents.older_runs) == ((), (), (), 0)


@pytest.mark.slow
def test_the_last_checkpoint_is_a_final_one_else_the_last_in_training(database: Database) -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    write_run(database, make_run(name="a", revision="step20", step=20, created_at=late))
    # A branch without a step is the final one, whenever it was measured.
    write_runs(
        database,
        [
            make_run(name="a", revision="main", created_at=early),
            make_run(name="b", revision="x", created_at=late),
            make_run(name="b", revision="y", created_at=early),
            make_run(name="c", revision="stage1-step90", step=90, created_at=late),
            make_run(name="c", revision="stage2-step5", step=5, created_at=early),
        ],
    )
    contents = read_contents(database)
    assert [contents.runs[place]["revision"] for place in contents.newest] == [
        "main",
        "x",
        "stage2-step5",
    ]


@pytest.mark.slow
def test_an_untrained_control_is_last_only_alone(database: Database) -> None:
    write_run(database, make_run(name="a", revision="random-init-0", step=0))
    contents = read_contents(database)
    assert [contents.runs[place]["revision"] for place in contents.newest] == ["random-init-0"]
    write_run(database, make_run(name="a", revision="step0", step=0))
    contents = read_contents(database)
    assert [contents.runs[place]["revision"] for place in contents.newest] == ["step0"]


def test_a_repeated_run_replaces_the_older_one(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(),
            make_run(repeat=1, created_at=datetime(2026, 12, 1, tzinfo=UTC)),
        ],
    )
    contents = read_contents(database)
    assert [run["repeat"] for run in contents.runs] == [1]
    assert contents.older_runs == 1


def test_states_come_in_the_order_of_the_forward_pass(database: Database) -> None:
    write_run(database, make_run(kind="encoder-decoder", n_layers=2))
    (model,) = read_contents(database).models
    assert [(state.stack, state.layer, state.site) for state in model.states] == [
        ("encoder", 0, "embedding"),
        ("encoder", 1, "block"),
        ("encoder", 2, "block"),
        ("decoder", 0, "embedding"),
        ("decoder", 1, "block"),
        ("decoder", 2, "block"),
        ("decoder", 2, "final_norm"),
    ]


def test_two_models_of_one_name_are_told_apart(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(name="same", n_layers=2),
            make_run(name="same", revision="other", n_layers=3),
        ],
    )
    models = read_contents(database).models
    # As every question names them.
    assert {model.label for model in models} == {
        f"same {str(model.facts['model_id'])[:8]}" for model in models
    }
    assert len(models) == 2


@pytest.mark.slow
def test_only_what_still_fails_is_a_failure(database: Database) -> None:
    failed_at = datetime(2026, 10, 1, tzinfo=UTC)
    for revision in ("main", "broken"):
        failure = Failure("a", revision, "load", "no memory", "t", failed_at, "0.1.0")
        write_failure(database, failure)
        later = dataclasses.replace(failure, failed_at=failed_at + timedelta(hours=1))
        for _ in range(2):
            # The very same is noted once.
            write_failure(database, later)
    write_run(database, make_run(name="a", revision="main"))
    (row,) = read_contents(database).failures
    assert (row["revision"], row["attempts"], row["reason"]) == ("broken", 2, "no memory")


@pytest.mark.slow
def test_a_report_of_some_models_has_those_and_knows_the_others(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(name="lab/decoder", corpus="one"),
            make_run(name="lab/encoder", kind="encoder", corpus="two"),
        ],
    )
    contents = read_contents(database, ["lab/encoder"])
    assert [model.label for model in contents.models] == ["lab/encoder"]
    assert [corpus["name"] for corpus in contents.corpora] == ["two"]
    with pytest.raises(QueryError, match=r"no model 'lab/encodr' .*did you mean lab/encoder"):
        read_contents(database, ["lab/encodr"])


def test_a_group_of_seeds_is_told_from_a_model(database: Database) -> None:
    runs = [make_run(name=f"lab/{i}", tags={"seed_group": "lab/g"}) for i in range(2)]
    write_runs(database, runs)
    said = "lab/g is a group of seeds, and a report is of models: name them, lab/0, lab/1"
    with pytest.raises(QueryError, match=said):
        read_contents(database, ["lab/g"])


def test_marks_that_turn_text_around_are_replaced(database: Database) -> None:
    write_run(database, make_run(name="a\u202eb\u2028c\x00d", corpus="x\u2066y"))
    contents = read_contents(database)
    assert contents.models[0].label == "a\ufffdb\ufffdc\ufffdd"
    assert contents.runs[0]["corpus"] == contents.corpora[0]["name"] == "x\ufffdy"
