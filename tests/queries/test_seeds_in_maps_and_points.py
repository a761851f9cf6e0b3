"""Groups of seeds in heat maps, by scale, by tokens and by size, against NumPy."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embstore.choices import Scope
from embstore.store.database import Database
from embstore.types import LayerKey, Run
from tests.queries.asking import ask
from tests.queries.of_seeds import GROUP, NAMES, SPREADS, drawn, in_band, run, spread, store
from tests.synthetic import ALL_METRICS, make_run

pytestmark = pytest.mark.slow

SIZES = (256, 512)


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Four seeds in training; the last has not come to step 100."""
    runs = [run(name, n) for name in NAMES for n in (1, 100) if (name, n) != (NAMES[-1], 100)]
    return store(tmp_path_factory.mktemp("trainings"), *runs, make_run(name="lab/other"))


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Four seeds that read two amounts; the last only the smaller one."""
    runs = [
        run(name, tokens=n, values=drawn(name, n))
        for name in NAMES
        for n in SIZES
        if (name, n) != (NAMES[-1], SIZES[-1])
    ]
    return store(tmp_path_factory.mktemp("sizes"), *runs)


def _key(row: dict[str, Any]) -> LayerKey:
    """Return the state that a row is of."""
    return LayerKey("decoder", row["layer"], "block" if row["layer"] else "embedding")


def numbers(rows: list[dict[str, Any]], value: str, **of: object) -> list[float]:
    """Take one column of the rows that have these values in others."""
    return [row[value] for row in rows if all(row[key] == this for key, this in of.items())]


@pytest.mark.parametrize("of", SPREADS)
def test_a_cell_is_the_median_at_its_step(trainings: Database, of: str) -> None:
    single = ask(trainings, "dimension_heatmap", seeds="single")
    assert {row["series"] for row in single} == set(NAMES)
    rows = ask(trainings, "dimension_heatmap", seeds=of)
    assert {row["series"] for row in rows} == {"lab/all · 4 seeds"}
    assert len(rows) == 2 * 5
    for row in rows:
        each = numbers(single, "value", step=row["step"], layer=row["layer"])
        assert row["n_seeds"] == len(each) == (3 if row["step"] == 100 else 4)
        assert in_band(row) == pytest.approx(spread(each, of), rel=1e-12)
        assert (row["std_error"], row["run_id"], row["reason"]) == (None, None, None)
    assert ask(trainings, "dimension_heatmap", models="lab/all") == ask(
        trainings, "dimension_heatmap"
    )


def test_a_cell_that_no_seed_has_says_so(tmp_path: Path) -> None:
    def gap(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        return None if key.layer == 2 else 7.0

    runs = [run(name, 1, values=gap) for name in NAMES[:2]]
    rows = ask(store(tmp_path, *runs), "dimension_heatmap")
    assert [(row["value"], row["n_seeds"]) for row in rows if row["layer"] == 2] == [(None, 0)]
    assert {row["reason"] for row in rows if row["layer"] == 2} == {"undefined in this example"}
    assert {row["n_seeds"] for row in rows if row["layer"] != 2} == {2}


@pytest.mark.parametrize("of", SPREADS)
def test_a_dimension_by_scale_has_the_median_distance(of: str, tmp_path: Path) -> None:
    runs = [run(name) for name in NAMES[:3]]
    moved = [_farther(one, place) for place, one in enumerate(runs)]
    database = store(tmp_path, *moved)
    single = ask(database, "dimension_scale", seeds="single")
    rows = ask(database, "dimension_scale", seeds=of)
    assert len(single) == 3 * len(rows) > 0
    for row in rows:
        place = {key: row[key] for key in ("layer", "rank", "scope")}
        distances = numbers(single, "mean_distance", **place)
        assert len(set(distances)) == 3
        assert row["mean_distance"] == pytest.approx(np.median(distances))
        each = numbers(single, "dimension", **place)
        assert in_band(row, "dimension") == pytest.approx(spread(each, of), rel=1e-12)
        assert (row["series"], row["n_seeds"]) == ("lab/all · 3 seeds", 3)
        assert [row[k] for k in ("ci_low", "ci_high", "std_error", "run_id")] == [None] * 4


def _farther(one: Run, place: int) -> Run:
    """Move the curve of a run, each seed's by another amount."""
    curves = tuple(
        replace(
            point,
            dimension=8.0 + point.key.layer + place**2,
            mean_distance=1.5 * point.rank * (1 + place**2),
        )
        for point in one.measured.curves
    )
    return replace(one, measured=replace(one.measured, curves=curves))


@pytest.mark.parametrize("of", SPREADS)
def test_each_size_has_the_seeds_that_read_it(sizes: Database, of: str) -> None:
    single = ask(sizes, "value_by_tokens", seeds="single")
    rows = ask(sizes, "value_by_tokens", seeds=of)
    assert {row["series"] for row in rows} == {"lab/all · 4 seeds"}
    assert len(rows) == 2 * 5
    for row in rows:
        each = numbers(single, "value", tokens=row["tokens"], layer=row["layer"])
        key = _key(row)
        known = [drawn(name, row["tokens"])("anisotropy", key, "all", 0.0) for name in NAMES]
        assert each == known[: len(each)]
        assert row["n_seeds"] == len(each) == (4 if row["tokens"] == 256 else 3)
        assert in_band(row) == pytest.approx(spread(each, of), rel=1e-12)


@pytest.mark.parametrize(
    "how", [{"seed": 1}, {"windows": "documents"}, {"n_layers": 5}, {"architecture": "OPTModel"}]
)
def test_by_tokens_what_was_not_measured_alike_stays_apart(
    how: dict[str, Any], tmp_path: Path
) -> None:
    runs = [*map(run, NAMES[:3]), run(NAMES[3], **how)]
    rows = ask(store(tmp_path, *runs), "value_by_tokens")
    assert {(row["model"], row["n_seeds"]) for row in rows} == {("lab/all", 3), (NAMES[3], None)}


def test_by_tokens_a_second_checkpoint_of_a_seed_is_no_second_seed(tmp_path: Path) -> None:
    later = datetime(2026, 11, 9, tzinfo=UTC)
    again = run(NAMES[0], 1, revision="step01", values=drawn("again"), created_at=later)
    rows = ask(store(tmp_path, *(run(n, 1) for n in NAMES[:3]), again), "value_by_tokens")
    assert {row["n_seeds"] for row in rows if row["model"] == "lab/all"} == {3}
    band = [row for row in rows if row["model"] == "lab/all"]
    for row in band:
        key = _key(row)
        of = (drawn("again"), drawn(NAMES[1], 1), drawn(NAMES[2], 1))
        each = [float(str(values("anisotropy", key, "all", 0.0))) for values in of]
        assert in_band(row) == pytest.approx(spread(each, "band"))


@pytest.mark.parametrize("of", SPREADS)
def test_by_size_the_mean_of_each_seed_comes_first(trainings: Database, of: str) -> None:
    single = ask(trainings, "mean_by_size", seeds="single", models=["lab/all"])
    rows = ask(trainings, "mean_by_size", seeds=of, models=["lab/all"])
    # At the last step of any seed; the one that has not come there is not in it.
    assert [(row["metric"], row["step"], row["n_seeds"]) for row in rows] == [
        ("twonn", 100, 3),
        ("anisotropy", 100, 3),
    ]
    for row in rows:
        each = numbers(single, "mean", metric=row["metric"], step=100)
        assert len(each) == 3
        for name, mean in zip(NAMES, each, strict=False):
            blocks = [
                drawn(name, 100)(str(row["metric"]), LayerKey("decoder", n, "block"), "all", 0.0)
                for n in range(1, 5)
            ]
            assert mean == pytest.approx(np.mean(np.array(blocks, dtype=np.float64)))
        assert in_band(row, "mean") == pytest.approx(spread(each, of), rel=1e-12)
        assert row["model_stack"] == row["series"] == "lab/all · 3 seeds"
        assert [row[k] for k in ("ci_low", "ci_high", "std_error", "run_id")] == [None] * 4


def test_by_size_shuffled_text_is_a_point_of_its_own(tmp_path: Path) -> None:
    runs = [
        *map(run, NAMES[:3]),
        *(run(name, shuffle="words", values=drawn(name, "words")) for name in NAMES[:2]),
    ]
    rows = ask(store(tmp_path, *runs), "mean_by_size", metrics="twonn")
    assert [(row["text"], row["n_seeds"], row["model_stack"]) for row in rows] == [
        ("as it is", 3, "lab/all · 3 seeds"),
        ("words shuffled", 2, "lab/all · 3 seeds"),
    ]


def test_by_size_stacks_and_intervals_are_told(tmp_path: Path) -> None:
    errors = {"twonn": 0.05}
    model = make_run(name="t5", kind="encoder-decoder", metrics=ALL_METRICS, errors=errors)
    rows = ask(store(tmp_path, model, run("lab/s1", tags={})), "mean_by_size")
    twonn = [row for row in rows if row["metric"] == "twonn"]
    assert [row["model_stack"] for row in twonn] == ["lab/s1", "t5 · decoder", "t5 · encoder"]
    for row in twonn:
        # All erred alike: the interval of the mean is as wide as the blocks' own are on average.
        share = 1.96 * errors["twonn"]
        mean = float(str(row["mean"]))
        assert row["ci_low"] == pytest.approx(mean * (1 - share))
        assert row["ci_high"] == pytest.approx(mean * (1 + share))
    assert {row["ci_low"] for row in rows if row["metric"] == "anisotropy"} == {None}


def test_groups_of_one_are_as_without_a_group(tmp_path: Path) -> None:
    inside, outside = (tmp_path / name for name in ("inside", "outside"))
    for path in (inside, outside):
        path.mkdir()
    tagged = store(inside, run(NAMES[0], 1, tags=GROUP))
    plain = store(outside, run(NAMES[0], 1, tags={}))
    for name in ("dimension_heatmap", "dimension_scale", "value_by_tokens", "mean_by_size"):
        found = [[row["series"], row["n_seeds"]] for row in ask(tagged, name)]
        assert found == [[row["series"], row["n_seeds"]] for row in ask(plain, name)]
        assert {n for _, n in found} == {None}
