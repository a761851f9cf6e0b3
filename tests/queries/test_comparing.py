"""Questions that compare: models on a grid of depth, nearest models, two checkpoints."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from embstore.api.store import Store
from embstore.choices import Scope
from embstore.errors import QueryError
from embstore.store.database import Database
from embstore.store.writing import write_run
from embstore.types import LayerKey, Run
from tests.queries.asking import ask, by_layer, column
from tests.stores import new_store
from tests.synthetic import Values, make_run, with_effects


def straight(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    return depth


def steps(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    """Alternate from layer to layer, so that a wrong neighbour shows."""
    return float(key.layer % 2)


def shifted(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    return depth + 0.25


def gap_at_one(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    return None if key.layer == 1 else depth


def optional(numbers: npt.NDArray[np.float64]) -> Values:
    """Give layer i the i-th number in every metric, and none where that is NaN."""

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        number = float(numbers[key.layer])
        return None if math.isnan(number) else number

    return values


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(
        tmp_path_factory.mktemp("models") / "models.duckdb",
        [
            *(
                make_run(name=name, n_layers=n_layers, values=values)
                for name, n_layers, values in (
                    ("lab/straight-3", 3, straight),
                    ("lab/straight-8", 8, straight),
                    ("lab/shifted", 4, shifted),
                    ("lab/steps", 4, steps),
                    ("lab/gap", 4, gap_at_one),
                )
            ),
            make_run(name="lab/other-text", corpus="verse", values=straight),
        ],
    )


class TestDepthGrid:
    def test_straight_profiles_of_unequal_length_agree(self, models: Database) -> None:
        for name in ("lab/straight-3", "lab/straight-8"):
            rows = ask(models, "depth_grid", models=[name], intervals=10)
            assert column(rows, "depth") == pytest.approx([k / 10 for k in range(11)])
            assert column(rows, "value") == pytest.approx([k / 10 for k in range(11)])

    @pytest.mark.parametrize("intervals", [4, 7, 10, 20])
    def test_values_are_those_of_numpys_interpolation(
        self, models: Database, intervals: int
    ) -> None:
        rows = ask(models, "depth_grid", models=["lab/steps"], intervals=intervals)
        expected = np.interp(
            np.arange(intervals + 1) / intervals, [0, 0.25, 0.5, 0.75, 1], [0, 1, 0, 1, 0]
        )
        assert column(rows, "value") == pytest.approx(list(expected), abs=1e-12)

    def test_beside_a_missing_value_there_is_none(self, models: Database) -> None:
        rows = ask(models, "depth_grid", models=["lab/gap"], intervals=8)
        found = {row["depth"]: row["value"] for row in rows}
        # Layer 1 is depth ¼: what lies between 0 and ½ has no value, both of them have.
        assert [found[d] for d in (0.125, 0.25, 0.375)] == [None] * 3
        assert (found[0.0], found[0.5], found[0.625]) == pytest.approx((0.0, 0.5, 0.625))

    def test_intervals_are_read_off_likewise(self, models: Database) -> None:
        (row,) = [
            row
            for row in ask(
                models, "depth_grid", models=["lab/straight-3"], metric="twonn", intervals=2
            )
            if row["depth"] == 0.5
        ]
        assert (row["layer_below"], row["layer_above"]) == (1, 2)
        assert row["ci_high"] == pytest.approx(0.5 * 1.098)
        assert row["std_error"] == pytest.approx(0.5 * 0.05)

    def test_the_final_norm_does_not_count(self, tmp_path: Path) -> None:
        database = new_store(tmp_path / "norm.duckdb")

        def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
            return 99.0 if key.site == "final_norm" else depth

        write_run(database, make_run(values=values))
        assert max(float(str(row["value"])) for row in ask(database, "depth_grid")) == 1.0


class TestNearestModels:
    def test_distance_is_the_root_mean_square(self, models: Database) -> None:
        rows = ask(models, "nearest_models", model="lab/straight-3")
        by_name = {row["neighbor"]: row for row in rows}
        assert by_name["lab/straight-8"]["distance"] == pytest.approx(0.0, abs=1e-12)
        assert by_name["lab/shifted"]["distance"] == pytest.approx(0.25)
        # The same shape, at another height.
        assert by_name["lab/shifted"]["correlation"] == pytest.approx(1.0)
        grid = np.arange(21) / 20
        off = np.interp(grid, [0, 0.25, 0.5, 0.75, 1], [0, 1, 0, 1, 0]) - grid
        assert by_name["lab/steps"]["distance"] == pytest.approx(np.sqrt((off**2).mean()))
        assert by_name["lab/steps"]["largest_difference"] == pytest.approx(abs(off).max())
        assert by_name["lab/steps"]["largest_difference_depth"] == 1.0
        assert [row["rank"] for row in rows] == [1, 2, 3, 4]

    def test_only_over_the_same_text_and_where_both_have_a_value(self, models: Database) -> None:
        rows = ask(models, "nearest_models", model="lab/gap", intervals=4)
        assert "lab/other-text" not in column(rows, "neighbor")
        assert {row["n_depths"] for row in rows} == {4}

    @pytest.mark.slow
    def test_random_profiles_with_gaps_are_as_numpy_finds_them(self, tmp_path: Path) -> None:
        """Of several depths, some without a value somewhere, and one with none at all."""
        rng = np.random.default_rng(3)
        database = new_store(tmp_path / "random.duckdb")
        grid = np.arange(21) / 20
        profiles: dict[str, npt.NDArray[np.float64]] = {}
        for place, n_layers in enumerate([2, 3, 3, 4, 4, 4, 7, 12, 12, 12, 5]):
            numbers = rng.random(n_layers + 1)
            numbers[rng.random(n_layers + 1) < 0.1 * (place % 3)] = np.nan
            if place == 10:
                numbers[:] = np.nan
            write_run(
                database,
                make_run(name=f"m{place:02}", n_layers=n_layers, values=optional(numbers)),
            )
            # A point that falls on a layer needs that one only.
            at = np.round(grid * n_layers, 9)
            below, above = np.floor(at).astype(int), np.ceil(at).astype(int)
            profiles[f"m{place:02}"] = np.where(
                below == above,
                numbers[below],
                numbers[below] + (at - below) * (numbers[above] - numbers[below]),
            )
        expected = {}
        for name, mine in profiles.items():
            off = {
                other: theirs - mine
                for other, theirs in profiles.items()
                if other != name and not np.isnan(theirs - mine).all()
            }
            distances = {other: np.sqrt(np.nanmean(gap**2)) for other, gap in off.items()}
            for rank, other in enumerate(sorted(distances, key=distances.__getitem__)[:4], 1):
                n_depths = int((~np.isnan(off[other])).sum())
                expected[name, rank] = (
                    *(other, n_depths, pytest.approx(distances[other], rel=1e-12)),
                    pytest.approx(np.nanmax(abs(off[other])), rel=1e-12),
                )
        found = {
            (row["model"], row["rank"]): (
                *(row["neighbor"], row["n_depths"]),
                *(row["distance"], row["largest_difference"]),
            )
            for row in ask(database, "nearest_models", nearest=4)
        }
        assert found == expected
        # The gaps differ, or the test would show little.
        assert len({n_depths for _other, n_depths, *_rest in found.values()}) >= 5
        assert ("m10", 1) not in found

    def test_nearest_narrows(self, models: Database) -> None:
        rows = ask(models, "nearest_models", nearest=1)
        assert {row["rank"] for row in rows} == {1}
        assert {row["model"]: row["neighbor"] for row in rows}["lab/straight-3"] == "lab/straight-8"

    @pytest.mark.slow
    def test_the_last_checkpoint_stands_for_its_model(self, tmp_path: Path) -> None:
        database = new_store(
            tmp_path / "steps.duckdb",
            [
                *(
                    make_run(name="lab/a", revision=f"step{step}", step=step, values=straight)
                    for step in (5, 10)
                ),
                make_run(name="lab/a", revision="random-init-0", step=0, values=straight),
                make_run(name="lab/b", values=shifted),
            ],
        )
        rows = ask(database, "nearest_models")
        assert len(rows) == 2
        assert len(ask(database, "nearest_models", checkpoints="all")) == 4 * 3
        (mine,) = ask(database, "nearest_models", model="lab/b")
        last = database.select("SELECT run_id FROM latest_run WHERE revision = 'step10'")
        assert mine["neighbor_run_id"] == last["run_id"][0].as_py()

    def test_of_several_stages_the_last_step_of_the_last_one(self, tmp_path: Path) -> None:
        stages = [
            make_run(name="lab/a", revision=f"stage{n}-step{step}", step=step, values=straight)
            for n, step in ((1, 900), (2, 5), (2, 60), (10, 3))
        ]
        runs = [*stages, *(make_run(name=f"lab/{name}", values=shifted) for name in "bc")]
        rows = ask(new_store(tmp_path / "stages.duckdb", runs), "nearest_models")
        assert {r["revision"] for r in rows if r["model"] == "lab/a"} == {"stage10-step3"}


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(
        tmp_path_factory.mktemp("training") / "training.duckdb",
        [
            make_run(
                revision=revision,
                step=step,
                n_layers=2,
                values=by_layer(value, value, value),
            )
            for revision, step, value in (
                ("random-init-0", 0, 99.0),
                ("step1", 1, 10.0),
                ("step2", 2, 15.0),
                ("step4", 4, 20.0),
                ("main", None, 30.0),
            )
        ],
    )


class TestCheckpointChanges:
    def test_first_against_last_step_by_default(self, training: Database) -> None:
        rows = ask(training, "checkpoint_changes", metric="twonn")
        assert column(rows, "layer") == [0, 1, 2]
        assert {(r["before"], r["after"], r["change"]) for r in rows} == {("step1", "step4", 10.0)}
        # Five per cent of 10 and of 20, independent.
        error = (0.5**2 + 1.0**2) ** 0.5
        assert rows[0]["change_error"] == pytest.approx(error)
        assert rows[0]["change_in_errors"] == pytest.approx(10 / error)
        assert rows[0]["relative_change"] == pytest.approx(1.0)
        assert rows[0]["errors"] == "independent"

    def test_any_two_by_name(self, training: Database) -> None:
        params = {"metric": "twonn", "before": "step2", "after": "main"}
        rows = ask(training, "checkpoint_changes", **params)
        assert {(r["before_value"], r["after_value"]) for r in rows} == {(15.0, 30.0)}
        rows = ask(training, "checkpoint_changes", metric="twonn", before="random-init-0")
        assert {(r["before"], r["after"], r["change"]) for r in rows} == {
            ("random-init-0", "step4", -79.0)
        }

    def test_over_the_same_tokens_errors_are_paired(self, tmp_path: Path) -> None:
        """Against a paired t-test of the windows of a mean."""
        x = np.random.default_rng(0).normal(10, 1, 8)
        windows = {1: x, 2: x + np.random.default_rng(1).normal(0.1, 0.2, 8)}
        runs = [
            with_effects(
                make_run(revision=f"step{step}", step=step, values=by_layer(*[y.mean()] * 5)),
                lambda _, y=y: (y - y.mean()) / len(y),  # type: ignore[misc]
            )
            for step, y in windows.items()
        ]
        database = new_store(tmp_path / "paired.duckdb", runs)
        row = ask(database, "checkpoint_changes", metric="anisotropy")[2]
        assert row["errors"] == "paired"
        expected = stats.ttest_rel(windows[2], windows[1]).statistic
        # Effects are stored in 4 bytes.
        assert row["change_in_errors"] == pytest.approx(expected, rel=1e-5)
        # The same numbers over other tokens, of another version of the same tokenizer.
        other = dataclasses.replace(runs[1].configuration, token_ids_sha256="others")
        run = dataclasses.replace(runs[1], configuration=other)
        database = new_store(tmp_path / "others.duckdb", [runs[0], run])
        row = ask(database, "checkpoint_changes", metric="anisotropy")[2]
        assert row["errors"] == "independent"
        errors = [stats.sem(y) for y in windows.values()]
        assert row["change_error"] == pytest.approx(math.hypot(*errors))

    def test_every_metric_unless_one_is_named(self, training: Database) -> None:
        rows = ask(training, "checkpoint_changes")
        assert {row["metric"] for row in rows} == {"anisotropy", "mean_cosine", "twonn"}
        without = [row for row in rows if row["metric"] != "twonn"]
        assert {(row["change_in_errors"], row["errors"]) for row in without} == {(None, None)}


def measured_otherwise(run: Run, field: str) -> Run:
    """Change one thing about how a run was measured."""
    old = getattr(run.configuration, field)
    changed: dict[str, Any] = {field: "float16" if field == "dtype" else old + 1}
    return dataclasses.replace(run, configuration=dataclasses.replace(run.configuration, **changed))


@pytest.mark.parametrize("field", ["tokens", "window_size", "sample_size", "seed", "dtype"])
class TestMeasuredUnlike:
    def test_nearest_models_compares_like_with_like(self, tmp_path: Path, field: str) -> None:
        database = new_store(
            tmp_path / "near.duckdb",
            [
                make_run(name="lab/a"),
                make_run(name="lab/b"),
                measured_otherwise(make_run(name="lab/c"), field),
            ],
        )
        rows = ask(database, "nearest_models")
        assert {(row["model"], row["neighbor_model"]) for row in rows} == {
            ("lab/a", "lab/b"),
            ("lab/b", "lab/a"),
        }

    @pytest.mark.slow
    def test_checkpoint_changes_compares_like_with_like(self, tmp_path: Path, field: str) -> None:
        database = new_store(tmp_path / "changes.duckdb")
        for step in (1, 2, 3):
            run = make_run(revision=f"step{step}", step=step)
            write_run(database, measured_otherwise(run, field) if step == 3 else run)
        rows = ask(database, "checkpoint_changes")
        assert {(row["before"], row["after"]) for row in rows} == {("step1", "step2")}
        assert ask(database, "checkpoint_changes", before="step1", after="step3") == []

    @pytest.mark.slow
    def test_phases_are_open(self, tmp_path: Path, field: str) -> None:
        database = new_store(tmp_path / "phases.duckdb")
        for step in (1, 2, 3):
            run = make_run(revision=f"step{step}", step=step, n_layers=1, values=by_layer(1, step))
            write_run(database, measured_otherwise(run, field) if step == 2 else run)
        (row,) = ask(database, "phases", least_steps=3)
        assert row["verdict"] == "open"
        assert row["reason"] == f"steps measured with unequal {field}"
        assert row["unequal"] == field


@pytest.mark.slow
def test_two_models_have_no_nearest_for_query_and_chart(tmp_path: Path) -> None:
    store = Store(new_store(tmp_path / "s.duckdb", [make_run(name=name) for name in "abc"]))
    for asked in (store.query, store.chart):
        with pytest.raises(QueryError, match=r"fewer than 3 .*\(a, b\).* embstore compare A B"):
            asked("nearest_models", models=["a", "b"])
    assert store.query("nearest_models").num_rows == 6
    # One was asked for, of several.
    assert store.query("nearest_models", model="a", nearest=1).num_rows == 1


@pytest.mark.slow
def test_the_other_stack_of_a_model_is_no_neighbour(tmp_path: Path) -> None:
    runs = [make_run(name=f"lab/{name}", kind="encoder-decoder") for name in "abc"]
    store = Store(new_store(tmp_path / "s.duckdb", runs))
    rows = store.query("nearest_models").to_pylist()
    assert len(rows) == 6 * 4
    assert all(row["model"] != row["neighbor_model"] for row in rows)
    # Two models have four series, which are no four models.
    with pytest.raises(QueryError, match="fewer than 3 models"):
        store.query("nearest_models", models=["lab/a", "lab/b"])


@pytest.mark.slow
def test_checkpoints_of_one_model_are_enough_to_choose_from(tmp_path: Path) -> None:
    runs = [make_run(revision=f"step{step}", step=step) for step in (1, 2, 3)]
    store = Store(new_store(tmp_path / "s.duckdb", runs))
    assert store.query("nearest_models", checkpoints="all").num_rows == 6


def test_every_layer_is_compared_with_those_further_on(tmp_path: Path) -> None:
    runs = [make_run(name="lab/a", n_layers=3), make_run(name="lab/b", kind="encoder", n_layers=2)]
    store = new_store(tmp_path / "store.duckdb", runs)
    found = ask(store, "angular_distance")
    assert [(row["series"], row["layer"], row["further"]) for row in found] == [
        *(("lab/a", *pair) for pair in ((0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1))),
        *(("lab/b", *pair) for pair in ((0, 1), (0, 2), (1, 1))),
    ]
    assert column(found[:3], "angle") == pytest.approx([0.4 / 3, 0.8 / 3, 0.4])
    near = ask(store, "angular_distance", models=["lab/a"], scope="no_sinks", most=1)
    assert [(row["layer"], row["other_layer"]) for row in near] == [(0, 1), (1, 2), (2, 3)]
    assert not ask(store, "angular_distance", scope="last")
