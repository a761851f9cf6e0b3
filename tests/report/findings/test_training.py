import pytest

from embstore.report.findings import training
from embstore.report.findings.sentences import Spark
from embstore.report.read.training import Course
from embstore.store.database import Database
from embstore.store.writing import write_runs
from tests.report.told import at, changed, told
from tests.synthetic import make_run

LEVEL = ((1, 5.0), (100, 4.99), (1000, 5.02), (10_000, 5.0))


def course(
    series: str,
    verdict: str = "open",
    *stops: tuple[int, float],
    moves: str = "",
    n_steps: int = 5,
    unequal: tuple[str, ...] = (),
) -> Course:
    return Course(series, verdict, moves, stops, n_steps, 0, unequal, (0,))


def test_training_is_told_by_course_and_few_checkpoints_are_open() -> None:
    found = training.dimension_over_training(
        [
            course("a", "two phases", (1, 7), (10, 12), (10_000, 8), moves="+-"),
            course("b", "rises only", (1, 7), (10_000, 11), moves="+"),
            course("c", n_steps=2),
            course("d"),
            course("e", moves="+-+-"),
            course("f", n_steps=0),
        ],
        "twonn",
        "Intrinsic dimension (TwoNN)",
    )
    assert found is not None
    assert found.text == (
        "The mean intrinsic dimension (TwoNN) of the blocks rises in 1 of 6 trainings, rises, then "
        "falls in 1 and is not known in 4."
    )
    assert found.detail == (
        "It rises in b; b: 7 at step 1, 11 at step 10,000. It rises, then falls in a; a: 7 at "
        "step 1, 12 at step 10, 8 at step 10,000. Not known for e: it goes up and down more than "
        "three times. Not known for d: some steps have no standard error. Not known for c: there "
        "are fewer than 5 steps. Not known for f: there is no step to compare."
    )
    assert found.spark == Spark("twonn", (0,), over="mean by step")
    few = training.peak_over_training([course("c", n_steps=2)])
    assert few is not None
    assert few.tone == "open"
    assert few.text == (
        "How the anisotropy of the highest block changes in training is not known for c: there are "
        "fewer than 5 steps."
    )
    several = training.peak_over_training([course("a"), course("b"), course("c", n_steps=2)])
    assert several is not None
    assert several.text == (
        "How the anisotropy of the highest block changes in training is not known for 2 trainings "
        "(some steps have no standard error) and for c (there are fewer than 5 steps)."
    )
    assert training.peak_over_training([]) is None


@pytest.mark.parametrize(
    ("verdict", "stops", "told"),
    [
        ("rises only", ((1, 7.0), (900, 11.0)), "rises from 7 at step 1 to 11 at step 900."),
        (
            "three phases",
            ((1, 9.0), (10, 7.0), (100, 12.0), (1000, 8.0)),
            "falls from 9 at step 1 to 7 at step 10, then rises to 12 at step 100, then falls to 8 "
            "at step 1,000.",
        ),
        ("flat", LEVEL[:2], "stays level: 5 at step 1, 4.99 at step 100."),
    ],
)
def test_one_training_is_told_with_its_values(
    verdict: str, stops: tuple[tuple[int, float], ...], told: str
) -> None:
    found = training.peak_over_training([course("a", verdict, *stops)])
    assert found is not None
    assert found.text == f"With training, the anisotropy of the highest block of a {told}"


def test_one_of_several_trainings_is_the_example() -> None:
    found = training.peak_over_training([course("a", "flat", *LEVEL), course("b", "flat", *LEVEL)])
    assert found is not None
    assert found.text == "The anisotropy of the highest block stays level in 2 of 2 trainings."
    assert found.detail == (
        "It stays level in a, b; a: 5 at step 1, 4.99 at step 100, 5.02 at step 1,000, 5 at step "
        "10,000."
    )


def test_steps_sampled_unequally_are_named_and_open() -> None:
    found = training.dimension_over_training(
        [course("m", moves="+-", unequal=("tokens", "window_size"))], "twonn"
    )
    assert found is not None
    assert found.text.endswith("for m: the steps differ in tokens and window.")


@pytest.mark.slow
def test_a_metric_without_values_is_open_and_not_left_out(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(
                name="a",
                revision=f"step{step}",
                step=step,
                values=lambda metric, key, scope, depth: None if metric == "twonn" else 0.5,
            )
            for step in (1, 2)
        ],
    )
    found = told(database, "Dimension in training")
    assert found is not None
    assert found.text.endswith("is not known for a: there is no step to compare.")
    assert found.detail == ""
    assert found.runs == ()


@pytest.mark.slow
def test_a_store_of_checkpoints_shows_both_phases(database: Database) -> None:
    write_runs(database, [at(step, f"step{step}") for step in (0, 10, 100, 500, 1000)])
    grown = told(database, "Anisotropy in training")
    assert grown is not None
    assert "of a rises from 0.15 at step 0 to 0.95 at step 1,000." in grown.text
    assert grown.runs == (0, 1, 2, 3, 4)
    phases = told(database, "Dimension in training")
    assert phases is not None
    assert (
        "of a rises from 6 at step 0 to 14 at step 10, then falls to 8 at step 1,000."
        in phases.text
    )
    highest = told(database, "Ceiling of 60")
    assert highest is not None
    assert highest.text.endswith("above 60: the highest is 14, in layer 1 of a.")
    assert highest.detail.startswith("14 (twonn) (95 % interval 13.7 to 14.3), at step10, all tok")
    assert "Estimates above" not in highest.detail


@pytest.mark.slow
def test_two_trainings_of_one_name_are_not_spliced(database: Database) -> None:
    back = {0: 1000, 10: 500, 100: 100, 500: 10, 1000: 0}
    write_runs(
        database,
        [
            run
            for step, like in back.items()
            for run in (at(step, f"step{step}"), at(step, f"seed2-step{step}", like=like))
        ],
    )
    found = told(database, "Anisotropy in training")
    assert found is not None
    assert found.text.endswith("falls in 1 of 2 trainings and rises in 1.")
    assert "It falls in a · seed2; a · seed2: 0.95 at step 0" in found.detail
    assert "It rises in a; a: 0.15 at step 0" in found.detail


@pytest.mark.slow
def test_steps_with_the_weights_of_another_are_left_out(database: Database) -> None:
    write_runs(database, [at(step, f"step{step}") for step in (0, 10, 100, 500, 1000)])
    changed(database, "checkpoint", "weights_sha256 = 'same' WHERE step IN (10, 1000)")
    found = told(database, "Dimension in training")
    assert found is not None
    assert found.detail == ("Left out are 2 steps of a, whose weights another step has too.")
