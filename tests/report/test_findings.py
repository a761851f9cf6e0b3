from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from embstore.report import bells, findings, sentences, training
from embstore.report.evidence import Highest, Peak, read_evidence
from embstore.report.findings import find_all
from embstore.report.reading import read_contents
from embstore.report.sentences import Finding
from embstore.report.series import Point, Trajectory
from embstore.report.training import course
from embstore.store.connection import Database, open_database
from embstore.store.writing import write_run
from embstore.types import LayerKey, Run, Scope
from tests.synthetic import Values, make_run


def peak(
    kind: str = "decoder",
    scope: str = "all",
    value: float = 0.9,
    *,
    model: str | None = None,
    bell: float = 0.5,
    error: float | None = 0.01,
) -> Peak:
    return Peak(
        run=0,
        model=model or f"a {kind}",
        kind=kind,
        text="text",
        stack="decoder",
        scope=scope,
        layer=2,
        depth=0.5,
        value=value,
        start_mean=0.3,
        middle_mean=0.2 + bell,
        end_mean=0.1,
        start_error=error,
        middle_error=error,
        end_error=error,
    )


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
    # A move needs 4.2 errors between two of six: the range of six exceeds that in 3 % of cases.
    assert told.count("stays level") > 180


def test_a_move_must_exceed_its_errors() -> None:
    values = [10.0, 11.0, 12.0, 13.0, 14.0]
    assert course(values, [0.2] * 5) == "rises"
    # 4 is less than three joint errors of 1.
    assert course(values, [1.0] * 5) == "stays level"


def test_peaks_are_told_with_and_without_sinks() -> None:
    peaks = [peak(value=0.992), peak(scope="no_sinks", value=0.11), peak("encoder", value=0.09)]
    found = findings.peak_by_kind(peaks)
    assert found is not None
    assert found.text == (
        "In 1 decoder (a decoder), anisotropy peaks at 0.992 at relative depth 0.5 (without "
        "attention sinks at 0.11). In 1 encoder (a encoder), anisotropy peaks at 0.09 at relative "
        "depth 0.5."
    )
    assert findings.peak_by_kind([]) is None


def test_several_models_give_a_median_and_a_range() -> None:
    peaks = [peak(value=v, model=f"m{i}") for i, v in enumerate((0.5, 0.9, 0.7, 0.8, 0.6))]
    found = findings.peak_by_kind(peaks)
    assert found is not None
    assert "In 5 decoders (m0, m1, m2, m3 and 1 more)" in found.text
    assert "0.7 (median; 0.5 to 0.9)" in found.text


def test_equal_values_have_no_range_and_a_model_counts_once() -> None:
    equal = findings.peak_by_kind([peak(model="a"), peak(model="b")])
    assert equal is not None
    assert "peaks at 0.9 at relative" in equal.text
    # Three texts of one model weigh no more than one of another.
    unequal = findings.peak_by_kind([peak(value=0.1, model="a")] * 3 + [peak(value=0.9, model="b")])
    assert unequal is not None
    assert "peaks at 0.5 (median; 0.1 to 0.9)" in unequal.text


def test_kinds_are_compared_by_the_middle_against_both_ends() -> None:
    peaks = [peak(bell=0.5), peak("encoder", bell=0.01)]
    found = bells.kinds_compared(peaks, {"decoder", "encoder"})
    assert found is not None
    # 1.96 times the root of 0.01² + 0.01².
    assert "0.5 higher (95 % interval 0.472 to 0.528) in decoders, where 1 of 1 profile is" in (
        found.text
    )
    assert "0.01 higher (95 % interval -0.0177 to 0.0377) in encoders, where 0 of 1" in found.text
    assert "each end by more than 3 standard errors and by more than 0.1" in found.text


@pytest.mark.parametrize(
    ("bell", "error", "expected"),
    [
        (0.5, 0.01, "bell"),
        # 0.25 above the end, but only 0.05 above the start.
        (0.15, 0.001, "open"),
        (0.5, 0.1, "open"),
        (0.5, None, "open"),
        (-0.3, 0.001, "valley"),
    ],
)
def test_shapes(bell: float, error: float | None, expected: str) -> None:
    assert bells.shape(peak(bell=bell, error=error)) == expected


def test_a_kind_without_values_is_told_apart_from_one_that_is_missing() -> None:
    missing = bells.kinds_compared([peak()], {"decoder"})
    assert missing is not None
    assert missing.tone == "open"
    assert "There are no encoders here" in missing.text
    empty = bells.kinds_compared([peak()], {"decoder", "encoder"})
    assert empty is not None
    assert "No encoder has values over the middle third" in empty.text


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


def test_long_and_many_names_are_cut() -> None:
    assert sentences.listed([f"m{i}" for i in range(9)]) == "m0, m1, m2, m3 and 5 more"
    assert len(sentences.shortened("x" * 500)) == 60


def told(database: Database, topic: str) -> Finding | None:
    contents = read_contents(database)
    every = find_all(contents, read_evidence(database, contents))
    return next((finding for finding in every if finding.topic == topic), None)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(tmp_path / "findings.duckdb")


def growing(step: int) -> Values:
    """A bell that grows, and a dimension that rises and falls, as the seed study saw."""
    grown = {0: 0.1, 10: 0.3, 100: 0.6, 500: 0.8, 1000: 0.9}[step]
    dimension = {0: 6.0, 10: 14.0, 100: 12.0, 500: 9.0, 1000: 8.0}[step]

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        if metric == "anisotropy":
            return 0.05 + grown * 4 * depth * (1 - depth)
        return dimension

    return values


def at(step: int, revision: str, *, like: int | None = None, name: str = "a") -> Run:
    """A checkpoint with a standard error of one percent everywhere."""
    return make_run(
        name=name,
        revision=revision,
        step=step,
        values=growing(step if like is None else like),
        errors={"anisotropy": 0.01, "twonn": 0.01},
    )


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


def test_a_high_dimension_comes_with_its_caveat(database: Database) -> None:
    write_run(database, make_run(values=lambda metric, key, scope, depth: 61.5))
    found = told(database, "Ceiling of 60")
    assert found is not None
    assert "is 61.5 (95 % interval 55.5 to 67.5), perhaps above 60" in found.text
    assert "a true 50 reads 33" in found.text


@pytest.mark.parametrize(
    ("possible", "surely", "verdict"),
    [(50.0, 0, "below"), (61.0, 0, "perhaps above"), (66.0, 1, "above")],
)
def test_intervals_decide_about_the_ceiling(
    database: Database, possible: float, surely: int, verdict: str
) -> None:
    write_run(database, make_run())
    highest = Highest(0, "a", "decoder", 1, "all", "twonn", 49.0, None, None, possible, surely)
    found = findings.ceiling(highest, read_contents(database))
    assert found is not None
    assert f"is 49, {verdict} 60 (a at main" in found.text


def test_untrained_controls_are_in_no_finding_about_training(database: Database) -> None:
    for step in (0, 10, 100, 500, 1000):
        write_run(database, at(step, f"step{step}"))
    wild = make_run(
        name="a",
        revision="random-init-0",
        step=0,
        values=lambda metric, key, scope, depth: 70.0 if metric == "twonn" else 0.99,
    )
    write_run(database, wild)
    phases = told(database, "Dimension in training")
    assert phases is not None
    assert "rises, then falls in 1 of 1 series of checkpoints (a: 6 at step 0" in phases.text
    highest = told(database, "Ceiling of 60")
    assert highest is not None
    assert "is 14 (" in highest.text
    peaks = told(database, "Peak anisotropy")
    assert peaks is not None
    assert "peaks at 0.95 at" in peaks.text


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


def test_both_stacks_are_named(database: Database) -> None:
    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        return 0.9 if key.stack == "decoder" else 0.1

    write_run(database, make_run(name="t5", kind="encoder-decoder", values=values))
    found = told(database, "Peak anisotropy")
    assert found is not None
    assert "peaks at 0.1 at relative depth 0 (" in found.text
    assert "in the encoder, and at 0.9 at" in found.text


def test_the_final_norm_is_in_no_finding(database: Database) -> None:
    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        return 0.99 if key.site == "final_norm" else 0.2 + key.layer / 100

    write_run(database, make_run(values=values))
    found = told(database, "Peak anisotropy")
    assert found is not None
    assert "peaks at 0.24 at relative depth 1" in found.text


def changed(database: Database, table: Literal["checkpoint", "layer", "run"], sets: str) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {table} SET {sets}")


def test_same_weights_warn(database: Database) -> None:
    for step in (1, 2, 3):
        write_run(database, make_run(name="a", revision=f"step{step}", step=step))
    assert told(database, "Same weights") is None
    changed(database, "checkpoint", "weights_sha256 = 'same' WHERE step > 1")
    found = told(database, "Same weights")
    assert found is not None
    assert "1 checkpoint has the weights of another revision" in found.text
    assert "a: step2, step3" in found.text
    assert found.runs == (1, 2)


def test_low_recall_warns_and_good_recall_is_told(database: Database) -> None:
    write_run(database, make_run())
    assert told(database, "Approximate neighbours") is None
    changed(database, "layer", "neighbor_method = 'pynndescent', neighbor_recall = 0.995")
    found = told(database, "Approximate neighbours")
    assert found is not None
    assert (found.tone, "99.5 %" in found.text) == ("finding", True)
    changed(database, "layer", "neighbor_recall = 0.9 WHERE layer = 2")
    found = told(database, "Approximate neighbours")
    assert found is not None
    assert (found.tone, "90.0 %" in found.text) == ("warning", True)


def test_uneven_and_small_samples_and_dirty_code_warn(database: Database) -> None:
    write_run(database, make_run(name="a"))
    write_run(database, make_run(name="b", tokens=128, hidden_size=40))
    changed(database, "run", "git_dirty = true WHERE tokens = 128")
    uneven = told(database, "Unequal samples")
    assert uneven is not None
    assert "tokens 128, 256" in uneven.text
    few = told(database, "Few tokens")
    assert few is not None
    assert few.text.startswith("1 run of b read fewer than 4 tokens per dimension")
    dirty = told(database, "Changed code")
    assert dirty is not None
    assert dirty.runs == (1,)


def test_gaps_and_undefined_numbers_warn(database: Database) -> None:
    write_run(database, make_run(name="a", revision="step1", step=1))
    write_run(
        database,
        make_run(
            name="a",
            revision="step2",
            step=2,
            values=lambda metric, key, scope, depth: None if metric == "twonn" else 0.5,
        ),
    )
    assert told(database, "Gaps") is None
    undefined = told(database, "Undefined values")
    assert undefined is not None
    # Six states in three scopes.
    assert undefined.text.startswith("18 numbers of twonn are undefined, most often because: unde")
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM measurement WHERE value IS NULL")
    gaps = told(database, "Gaps")
    assert gaps is not None
    assert gaps.runs == (1,)
