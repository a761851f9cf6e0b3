"""The report and the questions of the catalogue say the same of one store."""

from collections.abc import Mapping
from pathlib import Path

import pytest

import embstore
from embstore.report.findings.bells import contrast, shape
from embstore.report.findings.training import course
from embstore.report.read.evidence import read_evidence
from embstore.report.read.series import training_course
from embstore.report.read.store import read_contents
from embstore.store.connection import Database, open_database
from embstore.store.writing import write_run
from embstore.types import LayerKey, Run, Scope
from tests.synthetic import make_run

VERDICTS = {
    "two phases": "rises, then falls",
    "rises only": "rises",
    "falls only": "falls",
    "flat": "stays level",
    "falls, then rises": "falls, then rises",
    "three phases": "falls, rises, then falls",
    "rises, falls, rises again": "rises, falls, then rises",
    "open": "open",
}
ERRORS = {"twonn": 0.01, "anisotropy": 0.005}
WAYS: dict[str, tuple[float, ...]] = {
    "phases": (6, 9, 14, 12, 9),
    "wiggle": (6, 12, 7, 13, 6, 13.5),
    "thrice": (12, 6, 12, 6, 6),
    "again": (6, 12, 6, 12, 12),
    "level": (6, 6.01, 6, 6.02, 6),
    "few": (6, 9, 14, 9),
    "falls": (9, 8, 7, 6, 5),
}


def step(name: str, place: int, value: float, errors: Mapping[str, float] = ERRORS) -> Run:
    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        # One block has no value at the second step, and would move the mean.
        if name == "holes" and key.layer == 3 and place == 1:
            return None
        return value + 10 * (name == "holes" and key.layer == 3)

    return make_run(
        name=name, revision=f"step{10**place}", step=10**place, values=values, errors=errors
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    database = open_database(tmp_path_factory.mktemp("series") / "series.duckdb")
    for name, way in (WAYS | {"holes": (6,) * 5}).items():
        for place, value in enumerate(way):
            write_run(database, step(name, place, value))
    for place, value in enumerate(WAYS["phases"]):
        write_run(database, step("bare", place, value, errors={}))
    return database


def test_courses_are_those_of_the_question_about_phases(database: Database) -> None:
    asked = embstore.open(database.path).query("phases").table.to_pylist()
    contents = read_contents(database)
    told = {
        way.name: course([p.mean for p in way.points], [p.mean_error for p in way.points])
        for way in read_evidence(database, contents).dimension
    }
    assert told == {row["series"]: VERDICTS[row["verdict"]] for row in asked}
    assert set(told.values()) >= set(VERDICTS.values()) - {"rises", "falls, then rises"}
    assert told["holes"] == "stays level"


def test_shapes_and_contrasts_are_those_of_the_question_about_bells(tmp_path: Path) -> None:
    database = open_database(tmp_path / "bells.duckdb")
    write_run(database, make_run(name="a", errors=ERRORS))
    write_run(database, make_run(name="b", kind="encoder", errors=ERRORS))
    write_run(database, make_run(name="c"))
    asked = embstore.open(database.path).query("bell_shape").table.to_pylist()
    peaks = [
        peak
        for peak in read_evidence(database, read_contents(database)).peaks
        if peak.scope in {"all", "no_sinks"}
    ]
    shapes = {(row["model"], row["scope"]): row["shape"] for row in asked}
    contrasts = {(row["model"], row["scope"]): row["contrast"] for row in asked}
    assert {(peak.model, peak.scope): shape(peak) for peak in peaks} == shapes
    # The order of a sum may differ.
    assert {(peak.model, peak.scope): contrast(peak) for peak in peaks} == pytest.approx(
        contrasts, abs=1e-12
    )
    assert set(shapes.values()) == {"bell", "flat", "open"}


def test_the_error_of_the_highest_block_is_its_own(tmp_path: Path) -> None:
    database = open_database(tmp_path / "peak.duckdb")

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
        return 0.6 if key.layer == 2 else 0.1

    for place in range(2):
        run = make_run(
            revision=f"step{place}", step=place, values=values, errors={"anisotropy": 0.1}
        )
        write_run(database, run)
    (way,) = read_evidence(database, read_contents(database)).anisotropy
    assert [point.peak for point in way.points] == [0.6, 0.6]
    assert [point.peak_error for point in way.points] == pytest.approx([0.06, 0.06])


@pytest.mark.parametrize(
    ("revision", "expected"),
    [("step10", ""), ("seed2-step10", "seed2"), ("stage1-step10-tokens5B", "stage1"), ("x", "")],
)
def test_a_training_is_named_before_its_step(revision: str, expected: str) -> None:
    assert training_course(revision) == expected
