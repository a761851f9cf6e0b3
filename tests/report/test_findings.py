from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from embstore.report import findings, sentences, training
from embstore.report.evidence import Peak, Point, Trajectory, read_evidence
from embstore.report.findings import find_all
from embstore.report.reading import read_contents
from embstore.report.sentences import Finding
from embstore.report.training import course
from embstore.store.connection import Database, open_database
from embstore.store.writing import write_run
from embstore.types import LayerKey, Scope
from tests.synthetic import Values, make_run


def peak(
    kind: str = "decoder",
    scope: str = "all",
    value: float = 0.9,
    *,
    model: str | None = None,
    bell: float = 0.5,
) -> Peak:
    return Peak(
        run=0,
        model=model or f"a {kind}",
        kind=kind,
        stack="decoder",
        scope=scope,
        layer=2,
        depth=0.5,
        value=value,
        middle=0.2 + bell,
        rest=0.2,
    )


def way(values: list[float], *, model: str = "m", error: float = 0.01) -> Trajectory:
    points = tuple(Point(i, 10**i, v, v, error) for i, v in enumerate(values))
    return Trajectory(model, "decoder", "decoder", "text", points)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5, 9, 14, 12, 8], "rises, then falls"),
        ([14, 9, 5, 6, 12], "falls, then rises"),
        ([5, 6, 7, 8, 9], "rises"),
        ([9, 8, 7, 6, 5], "falls"),
        ([5, 5.01, 4.99, 5.02, 5], "stays level"),
        ([5, 9, 5], "open"),
        # One outlier is no course.
        ([5, 5, 5, 50, 5, 5, 5], "stays level"),
    ],
)
def test_courses(values: list[float], expected: str) -> None:
    assert course(values, [0.01] * len(values)) == expected


def test_noise_has_no_course() -> None:
    rng = np.random.default_rng(0)
    told = [course(list(10 + rng.normal(0, 0.5, 150)), [0.5] * 150) for _ in range(200)]
    # The highest of 150 smoothed values lies about two errors above a typical end.
    assert told.count("stays level") > 180


def test_a_change_must_exceed_its_errors() -> None:
    values = [10.0, 11.0, 12.0, 13.0]
    assert course(values, [0.2] * 4) == "rises"
    # 3 is less than three joint errors of 1.
    assert course(values, [1.0] * 4) == "stays level"


def test_peaks_are_told_with_and_without_sinks() -> None:
    peaks = [peak(value=0.992), peak(scope="no_sinks", value=0.11), peak("encoder", value=0.09)]
    found = findings.peak_by_kind(peaks)
    assert found is not None
    assert found.text == (
        "In 1 decoder (a decoder), anisotropy peaks at 0.992 at relative depth 0.5; without "
        "attention sinks at 0.11. In 1 encoder (a encoder), anisotropy peaks at 0.09 at relative "
        "depth 0.5."
    )
    assert findings.peak_by_kind([]) is None


def test_several_models_give_a_median_and_a_range() -> None:
    peaks = [peak(value=v, model=f"m{i}") for i, v in enumerate((0.5, 0.9, 0.7, 0.8, 0.6))]
    found = findings.peak_by_kind(peaks)
    assert found is not None
    assert "In 5 decoders (m0, m1, m2, m3 and 1 more)" in found.text
    assert "0.7 (median; 0.5 to 0.9)" in found.text


@pytest.mark.parametrize(
    ("decoder", "encoder", "verdict"),
    [
        (0.5, 0.01, "Decoders have a bell, encoders do not"),
        (0.5, 0.4, "Decoders have a bell, and so do encoders"),
        (0.05, 0.01, "Decoders have no bell here"),
    ],
)
def test_kinds_are_compared(decoder: float, encoder: float, verdict: str) -> None:
    found = findings.kinds_compared([peak(bell=decoder), peak("encoder", bell=encoder)])
    assert found is not None
    assert found.text.startswith(verdict)


def test_one_kind_alone_leaves_the_comparison_open() -> None:
    found = findings.kinds_compared([peak()])
    assert found is not None
    assert found.tone == "open"
    assert "no encoders" in found.text


def test_training_is_told_by_course_and_few_checkpoints_are_open() -> None:
    found = training.dimension_over_training(
        [way([7, 12, 9, 8], model="a"), way([7, 8, 9, 10], model="b"), way([1, 2], model="c")],
        "twonn",
    )
    assert found is not None
    assert found.text == (
        "The intrinsic dimension (twonn, mean over blocks, all tokens) rises in 1 of 2 series of "
        "checkpoints (b: 7 at step 1, 10 at step 1,000); rises, then falls in 1 of 2 series of "
        "checkpoints (a: 7 at step 1, 12 at step 10, 8 at step 1,000). With fewer than 4 "
        "checkpoints, c stays open."
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
    grown = {0: 0.1, 10: 0.3, 100: 0.6, 1000: 0.9}[step]
    dimension = {0: 6.0, 10: 14.0, 100: 12.0, 1000: 8.0}[step]

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        if metric == "anisotropy":
            return 0.05 + grown * 4 * depth * (1 - depth)
        return dimension

    return values


def test_a_store_of_checkpoints_shows_both_phases(database: Database) -> None:
    for step in (0, 10, 100, 1000):
        run = make_run(name="a", revision=f"step{step}", step=step, values=growing(step))
        write_run(database, run)
    grown = told(database, "Anisotropy in training")
    assert grown is not None
    assert "rises in 1 of 1 series of checkpoints (a: 0.15 at step 0, 0.95 at step 1,000)" in (
        grown.text
    )
    assert grown.runs == (0, 1, 2, 3)
    phases = told(database, "Dimension in training")
    assert phases is not None
    assert "rises, then falls in 1 of 1" in phases.text
    assert "6 at step 0, 14 at step 10, 8 at step 1,000" in phases.text
    highest = told(database, "Ceiling of 60")
    assert highest is not None
    assert highest.text.startswith(
        "The highest dimension (twonn) of any layer is 14, below 60 (a at step10"
    )
    assert "Estimates above" not in highest.text


def test_a_high_dimension_comes_with_its_caveat(database: Database) -> None:
    write_run(database, make_run(values=lambda metric, key, scope, depth: 61.5))
    found = told(database, "Ceiling of 60")
    assert found is not None
    assert "is 61.5, not below 60" in found.text
    assert "a true 50 reads 33" in found.text


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
