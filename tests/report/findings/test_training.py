import numpy as np
import pytest

from embstore.report.findings import training
from embstore.report.findings.training import course
from embstore.report.read.series import Point, Trajectory
from embstore.store.connection import Database
from embstore.store.writing import write_run
from tests.report.told import at, changed, told


def way(values: list[float], *, model: str = "m", error: float | None = 0.01) -> Trajectory:
    points = tuple(Point(i, 10**i, v, error, v, error) for i, v in enumerate(values))
    return Trajectory(model, points)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5, 9, 14, 12, 8], "rises, then falls"),
        ([14, 9, 5, 6, 12], "falls, then rises"),
        ([5, 6, 7, 8, 9], "rises"),
        ([9, 8, 7, 6, 5], "falls"),
        ([5, 5.01, 4.99, 5.02, 5], "stays level"),
        ([5, 9, 5, 9, 9], "rises, falls, then rises"),
        ([9, 5, 9, 5, 5], "falls, rises, then falls"),
        ([5, 9, 5, 9, 5], "open"),
        ([5, 9, 5, 5], "open"),
    ],
)
def test_courses(values: list[float], expected: str) -> None:
    assert course(values, [0.01] * len(values)) == expected


def test_a_missing_error_leaves_the_course_open() -> None:
    assert course([5, 6, 7, 8, 9], [0.01, 0.01, None, 0.01, 0.01]) == "open"


def test_noise_has_no_course() -> None:
    rng = np.random.default_rng(0)
    told = [course(list(10 + rng.normal(0, 0.5, 6)), [0.5] * 6) for _ in range(200)]
    # A move needs 4.3 errors between two of six: the range of six exceeds that in 3 % of cases.
    assert told.count("stays level") > 180


def test_a_move_must_exceed_its_errors() -> None:
    values = [10.0, 11.0, 12.0, 13.0, 14.0]
    assert course(values, [0.2] * 5) == "rises"
    # 4 is less than 2.9 joint errors of 1.
    assert course(values, [1.0] * 5) == "stays level"


def test_training_is_told_by_course_and_few_checkpoints_are_open() -> None:
    found = training.dimension_over_training(
        [
            way([7, 12, 9, 8, 8], model="a"),
            way([7, 8, 9, 10, 11], model="b"),
            way([1, 2], model="c"),
            way([1, 2, 3, 4, 5], model="d", error=None),
        ],
        "twonn",
    )
    assert found is not None
    assert found.text == (
        "The intrinsic dimension (twonn, mean over blocks, all tokens) rises in 1 of 2 series of "
        "checkpoints (b: 7 at step 1, 11 at step 10,000); rises, then falls in 1 of 2 series of "
        "checkpoints (a: 7 at step 1, 12 at step 10, 8 at step 10,000). With fewer than 5 "
        "steps, c stays open. Without a standard error at every step, d stays open."
    )
    few = training.peak_over_training([way([1, 2])])
    assert few is not None
    assert few.tone == "open"
    assert training.peak_over_training([]) is None


def test_a_store_of_checkpoints_shows_both_phases(database: Database) -> None:
    for step in (0, 10, 100, 500, 1000):
        write_run(database, at(step, f"step{step}"))
    grown = told(database, "Anisotropy in training")
    assert grown is not None
    assert "rises in 1 of 1 series of checkpoints (a: 0.15 at step 0, 0.95 at step 1,000)" in (
        grown.text
    )
    assert grown.runs == (0, 1, 2, 3, 4)
    phases = told(database, "Dimension in training")
    assert phases is not None
    assert "rises, then falls in 1 of 1" in phases.text
    assert "6 at step 0, 14 at step 10, 8 at step 1,000" in phases.text
    highest = told(database, "Ceiling of 60")
    assert highest is not None
    assert highest.text.startswith(
        "The highest dimension (twonn) of any layer is 14 (95 % interval 13.7 to 14.3), below 60 "
        "(a at step10"
    )
    assert "Estimates above" not in highest.text


def test_two_trainings_of_one_name_are_not_spliced(database: Database) -> None:
    back = {0: 1000, 10: 500, 100: 100, 500: 10, 1000: 0}
    for step, like in back.items():
        write_run(database, at(step, f"step{step}"))
        write_run(database, at(step, f"seed2-step{step}", like=like))
    found = told(database, "Anisotropy in training")
    assert found is not None
    assert "falls in 1 of 2 series of checkpoints (a · seed2: 0.95 at step 0" in found.text
    assert "rises in 1 of 2 series of checkpoints (a: 0.15 at step 0" in found.text


def test_steps_with_the_weights_of_another_are_left_out(database: Database) -> None:
    for step in (0, 10, 100, 500, 1000):
        write_run(database, at(step, f"step{step}"))
    changed(database, "checkpoint", "weights_sha256 = 'same' WHERE step IN (10, 1000)")
    found = told(database, "Dimension in training")
    assert found is not None
    assert found.text.endswith(
        "open. With fewer than 5 steps, a stays open. Left out are 2 steps of a, whose weights "
        "another step has too."
    )


def test_an_example_tells_where_the_course_turns() -> None:
    # The dip at the second step is within the errors of the first: no turn.
    ways = [way([10, 9.99, 15, 12, 7], model="a"), way([12, 9, 15, 8, 7], model="b")]
    found = training.dimension_over_training(ways, "twonn")
    assert found is not None
    assert "(a: 10 at step 1, 15 at step 100, 7 at step 10,000)" in found.text
    assert "(b: 12 at step 1, 9 at step 10, 15 at step 100, 7 at step 10,000)" in found.text
    level = training.dimension_over_training([way([5, 5.01, 4.99, 5.02, 5])], "twonn")
    assert level is not None
    assert "5 at step 1, 4.99 at step 100, 5.02 at step 1,000, 5 at step 10,000" in level.text


def test_steps_sampled_unequally_are_named_and_open() -> None:
    points = way([5, 9, 14, 12, 8]).points
    found = training.dimension_over_training(
        [Trajectory("m", points, unequal=("tokens", "window_size"))], "twonn"
    )
    assert found is not None
    assert "With steps that differ in tokens and window, m stays open." in found.text
