"""The views that name models and courses of training, and the macros that label and describe."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from scipy import stats

from embstore.store.database import Database
from embstore.store.writing import write_failure, write_run, write_runs
from embstore.types import Failure
from tests.synthetic import make_run

EARLY = datetime(2026, 11, 1, tzinfo=UTC)
LATE = datetime(2026, 11, 2, tzinfo=UTC)


def one(database: Database, expression: str) -> object:
    """Evaluate an expression in the store."""
    return database.select(f"SELECT {expression} AS one")["one"][0].as_py()


@pytest.mark.parametrize(
    ("revision", "course"),
    [
        *(("step1000", ""), ("main", ""), ("global_step10", ""), ("checkpoint-10", "")),
        *(("stage1-step1000", "stage1"), ("Seed-3/iter_0010", "seed-3")),
        ("random-init-1", "random-init-1"),
    ],
)
def test_a_course_is_what_stands_before_the_step(
    database: Database, revision: str, course: str
) -> None:
    assert one(database, f"training_course('{revision}')") == course
    assert one(database, f"is_untrained('{revision}')") is (course == "random-init-1")


@pytest.mark.slow
def test_two_models_of_one_name_are_told_apart(database: Database) -> None:
    for n_layers in (2, 4):
        run = make_run(name="lab/twin", n_layers=n_layers)
        other = dataclasses.replace(run.checkpoint, weights_sha256=f"of {n_layers} layers")
        write_run(database, dataclasses.replace(run, checkpoint=other))
    write_run(database, make_run(name="lab/only"))
    names = database.select("SELECT * FROM display_name ORDER BY model").to_pylist()
    assert names[0]["display_name"] == "lab/only"
    for row in names[1:]:
        assert row["display_name"] == f"lab/twin {row['model_id'][:8]}"
    found = database.select("SELECT DISTINCT display_name FROM named_profile ORDER BY 1")
    assert found["display_name"].to_pylist() == sorted(row["display_name"] for row in names)


def test_a_label_says_only_what_differs_in_the_answer(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(name="a", revision="r1", corpus="prose"),
            make_run(name="a", revision="r2", corpus="verse"),
            make_run(name="b", kind="encoder-decoder"),
        ],
    )
    sql = (
        "SELECT DISTINCT series(model, revision, corpus, run_id, kind, stack) AS series "
        "FROM profile WHERE {} ORDER BY series"
    )
    assert database.select(sql.format("true"))["series"].to_pylist() == [
        *("a@r1 · prose", "a@r2 · verse", "b · decoder", "b · encoder")
    ]
    assert database.select(sql.format("revision = 'r1'"))["series"].to_pylist() == ["a"]
    short = database.select("SELECT series(model, corpus := corpus) AS series FROM latest_run")
    assert sorted(short["series"].to_pylist()) == ["a · prose", "a · verse", "b"]


def test_of_two_checkpoints_at_one_step_the_one_measured_last(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(revision="step5", step=5, created_at=LATE),
            make_run(revision="global_step5", step=5, created_at=EARLY),
            make_run(revision="other-step5", step=5, created_at=EARLY),
            make_run(revision="main", created_at=LATE),
        ],
    )
    found = database.select("SELECT DISTINCT revision FROM training_profile ORDER BY revision")
    assert found["revision"].to_pylist() == ["other-step5", "step5"]
    everything = database.select("SELECT DISTINCT revision FROM named_profile")
    assert everything.num_rows == 4


@pytest.mark.slow
def test_steps_with_the_same_weights_are_known(database: Database) -> None:
    run = make_run(revision="step1", step=1)
    for revision, step in (("step1", 1), ("step2", 2), ("main", None)):
        copied = dataclasses.replace(run.checkpoint, revision=revision, step=step)
        write_run(database, dataclasses.replace(run, checkpoint=copied))
    write_run(database, make_run(revision="step3", step=3))
    found = database.select(
        "SELECT revision, shares_weights, duplicate_of FROM named_checkpoint ORDER BY revision"
    ).to_pylist()
    assert [tuple(row.values()) for row in found] == [
        *(("main", True, "step1"), ("step1", True, None)),
        *(("step2", True, "step1"), ("step3", False, None)),
    ]


def test_blocks_are_counted_per_stack(database: Database) -> None:
    write_run(database, make_run(kind="encoder-decoder", n_layers=3))
    found = database.select("SELECT stack, n_layers FROM n_stack_layers ORDER BY stack")
    assert found["n_layers"].to_pylist() == [3, 3]


def test_a_failure_is_resolved_by_a_later_run(database: Database) -> None:
    for failed_at in (EARLY, datetime(2026, 11, 3, tzinfo=UTC)):
        write_failure(database, Failure("m", "r", "load", "why", "text", failed_at, "0.1.0"))
    write_run(database, make_run(name="m", revision="r", created_at=LATE))
    found = database.select("SELECT resolved FROM failure_status ORDER BY failed_at")
    assert found["resolved"].to_pylist() == [True, False]


def test_a_grid_of_depths(database: Database) -> None:
    assert one(database, "depth_grid(2, 3)") == [
        {"depth": 0.0, "layer_below": 0, "layer_above": 0, "part": 0.0},
        {"depth": 0.5, "layer_below": 1, "layer_above": 2, "part": 0.5},
        {"depth": 1.0, "layer_below": 3, "layer_above": 3, "part": 0.0},
    ]


def test_the_shape_of_a_course(database: Database) -> None:
    values = [(1, 2.0), (2, 1.0), (4, 5.0), (8, 4.9), (16, 3.0), (32, 3.1)]
    points = ", ".join(f"{{'step': {s}, 'value': {v}, 'error': 0.1}}" for s, v in values)
    shape = one(database, f"course_shape([{points}], 2.0::DOUBLE)")
    assert isinstance(shape, dict)
    assert shape["moves"] == "-+-"
    assert shape["least_errors"] == pytest.approx(3.0686, abs=1e-4)
    assert (shape["first_step"], shape["peak_step"], shape["last_step"]) == (1, 4, 32)
    assert (shape["rise"], shape["fall"]) == (4.0, 2.0)
    assert shape["rise_error"] == pytest.approx(0.1 * 2**0.5)
    assert shape["share_down"] == pytest.approx(2 / 3)
    assert one(database, "course_name('-+-')") == "three phases"


def test_errors_of_students_t_are_as_far_out_as_the_normals(database: Database) -> None:
    for freedom in (7, 15, 63):
        for z in (2.0, 3.0, 4.8):
            expected = stats.t.isf(stats.norm.sf(z), freedom)
            found = one(database, f"student_errors({z}::DOUBLE, {freedom})")
            # The approximation is on the safe side, and worst where there are few windows.
            assert isinstance(found, float)
            assert -0.001 < found / expected - 1 < 0.04


def test_a_mean_of_lists_is_place_by_place(database: Database) -> None:
    assert one(database, "mean_list([[1, 2], [3, 6]])") == [2.0, 4.0]


def test_views_work_where_the_store_is_attached(database: Database, tmp_path: Path) -> None:
    write_run(database, make_run(step=5))
    with duckdb.connect(tmp_path / "other.duckdb") as connection:
        connection.execute(f"ATTACH '{database.path}' AS store (READ_ONLY)")
        rows = connection.execute("SELECT count(*) FROM store.training_profile").fetchall()
        assert rows == [(54,)]
        connection.execute("COPY FROM DATABASE store TO other")
        assert connection.execute("SELECT count(*) FROM training_profile").fetchall() == [(54,)]
