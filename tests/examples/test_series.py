"""The example from beginning to end, everything tiny."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

import embstore
from examples.training_series.plan import Plan
from examples.training_series.series import LIVE, TRAINING, Series, run_series

TOY = replace(
    Plan(),
    layers=2,
    hidden_size=32,
    heads=2,
    vocabulary=300,
    window=32,
    batch=2,
    warmup=2,
    steps=(0, 2, 4, 6, 8),
    repeated=(0, 2),
    seeds=(0, 1),
    articles=3,
    held_out=3,
    evaluated=8,
    tokens=512,
    sample=256,
    metrics="core,participation_ratio",
)

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory, told: list[str]) -> Series:
    return run_series(TOY, tmp_path_factory.mktemp("series") / "out", tell=told.append)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_every_checkpoint_is_in_both_stores(series: Series) -> None:
    wanted = [("neox-seed-0", step) for step in TOY.steps]
    wanted += [("neox-seed-1", step) for step in TOY.repeated]
    for store in (series.live, series.saved):
        rows = embstore.open(store).query("checkpoints").to_pylist()
        assert sorted((row["model"], row["step"]) for row in rows) == sorted(wanted)


def test_in_one_store_the_folders_would_not_be_measured_again(series: Series) -> None:
    ids = [
        embstore.open(store).sql("SELECT run_id FROM run ORDER BY run_id").to_pylist()
        for store in (series.live, series.saved)
    ]
    assert ids[0] == ids[1]


def test_live_and_saved_are_equal_for_linear_layers_too_small_to_be_packed(series: Series) -> None:
    # Metrics, states, scopes, checkpoints.
    assert sum(metric.numbers for metric in series.agreement) == 10 * 4 * 3 * 7
    assert all(metric.relative == 0 for metric in series.agreement)


def test_the_second_seed_is_another_model_and_the_first_changes(series: Series) -> None:
    rows = embstore.open(series.saved).query(
        "anisotropy_by_step", metric="mean_cosine", scopes=["all"]
    )
    first = {row["step"]: row["value"] for row in rows.to_pylist() if row["model"][-1] == "0"}
    other = {row["step"]: row["value"] for row in rows.to_pylist() if row["model"][-1] == "1"}
    assert first[8] > first[4] > first[0]
    assert other[0] != first[0]


def test_the_files_of_numbers_have_a_row_for_each_step(series: Series) -> None:
    tables = {path.stem: rows_of(path) for path in series.results}
    names = ["agreement", "costs", "course", "losses", "one_each", "phases", "runs", "shapes"]
    assert sorted(tables) == names
    course = {(row["model"], int(row["step"])) for row in tables["course"]}
    assert len(course) == len(TOY.steps) + len(TOY.repeated)
    losses = [float(row["held_out"]) for row in tables["losses"] if row["model"] == "neox-seed-0"]
    assert losses == sorted(losses, reverse=True)
    assert {int(row["step"]) for row in tables["one_each"]} == set(TOY.steps)
    verdicts = {row["verdict"] for row in tables["phases"] if row["model"] == "neox-seed-1"}
    assert verdicts == {"open"}, "two steps tell nothing of phases"


def test_the_time_is_told_part_by_part(series: Series, told: list[str]) -> None:
    (costs,) = (path for path in series.results if path.stem == "costs")
    seconds = {row["part"]: float(row["seconds"]) for row in rows_of(costs)}
    assert 0 < seconds[LIVE] < seconds[TRAINING]
    assert sum(line.startswith(TRAINING) for line in told) == len(TOY.seeds)


def test_the_pictures_are_drawn(series: Series) -> None:
    assert len(series.pictures) == 6
    for picture in series.pictures:
        assert picture.read_text().startswith("<svg")
