"""Questions about checkpoints of one training: maxima, layers and ceilings by step."""

import dataclasses
from pathlib import Path

import pytest

from embstore.api.store import Store
from embstore.checkpoints.revisions import in_training_order, parse_revision
from embstore.choices import Scope
from embstore.store.database import Database
from embstore.store.writing import write_run, write_runs
from embstore.types import LayerKey, Run
from tests.queries.asking import ask, by_layer, column
from tests.stores import new_store
from tests.synthetic import Values, make_run

STEPS = (0, 1, 10, 100, 1000, 10_000, 100_000)


def bell_that_grows(place: int) -> Values:
    """A bell whose height is the place; layer 2 of 4 is the peak."""

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        if key.site == "final_norm":
            return 1000.0
        height = place if scope == "all" else 0
        return 1 + height * 4 * depth * (1 - depth)

    return values


def checkpoint(place: int, *, name: str = "lab/grows", prefix: str = "step") -> Run:
    step = STEPS[place]
    return make_run(
        name=name,
        revision=f"{prefix}{step}",
        step=step,
        tokens_seen=2048 * step,
        values=bell_that_grows(place),
    )


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(
        tmp_path_factory.mktemp("training") / "training.duckdb",
        [
            *(checkpoint(place) for place in range(4)),
            *(
                run
                for place in (0, 2)
                for run in (
                    checkpoint(place, name="lab/stages", prefix="stage1-step"),
                    checkpoint(place, name="lab/stages", prefix="stage2-step"),
                )
            ),
            *(
                make_run(
                    name="lab/grows",
                    revision=f"random-init-{seed}",
                    step=0,
                    values=bell_that_grows(9),
                )
                for seed in (0, 1)
            ),
            make_run(name="lab/grows", revision="main", values=bell_that_grows(9)),
        ],
    )


class TestAnisotropyByStep:
    def test_the_maximum_and_its_layer(self, training: Database) -> None:
        rows = ask(training, "anisotropy_by_step", models=["lab/grows"], scopes=["all"])
        assert column(rows, "step") == [0, 1, 10, 100]
        # The bell's height is 1 + its place; flat at first, where the lowest layer counts.
        assert column(rows, "value") == pytest.approx([1, 2, 3, 4])
        assert column(rows, "peak_layer") == [0, 2, 2, 2]
        assert column(rows, "tokens_seen") == [0, 2048, 20_480, 204_800]

    def test_controls_and_checkpoints_without_a_step_stay_out(self, training: Database) -> None:
        rows = ask(training, "anisotropy_by_step", models=["lab/grows"])
        assert {row["series"] for row in rows} == {"lab/grows"}
        assert "main" not in column(rows, "revision")

    def test_controls_are_series_of_their_own_where_asked_for(self, training: Database) -> None:
        rows = ask(
            training,
            "anisotropy_by_step",
            models=["lab/grows"],
            scopes=["all"],
            random_init=True,
        )
        controls = {row["series"]: row["value"] for row in rows if row["step"] == 0}
        assert controls == {
            "lab/grows": 1.0,
            "lab/grows · random-init-0": 10.0,
            "lab/grows · random-init-1": 10.0,
        }

    def test_two_courses_of_one_model_are_two_series(self, training: Database) -> None:
        rows = ask(training, "anisotropy_by_step", models=["lab/stages"], scopes=["all"])
        assert [(row["series"], row["step"]) for row in rows] == [
            ("lab/stages · stage1", 0),
            ("lab/stages · stage1", 10),
            ("lab/stages · stage2", 0),
            ("lab/stages · stage2", 10),
        ]

    def test_a_copy_of_other_weights_is_named(self, small: Database) -> None:
        rows = ask(small, "anisotropy_by_step", scopes=["all"])
        assert {row["revision"]: row["duplicate_of"] for row in rows} == {
            "step1": None,
            "step2": None,
            "step3": "step2",
        }

    def test_of_two_texts_each_is_a_series(self, tmp_path: Path) -> None:
        database = new_store(
            tmp_path / "texts.duckdb",
            [
                make_run(name="lab/a", revision="step1", step=1, corpus=corpus)
                for corpus in ("prose", "verse")
            ],
        )
        rows = ask(database, "anisotropy_by_step", scopes=["all"])
        assert column(rows, "series") == ["lab/a · prose", "lab/a · verse"]

    @pytest.mark.parametrize(("scale", "type_"), [("symlog", "symlog"), ("linear", None)])
    def test_the_axis_is_logarithmic_and_holds_step_0(
        self, training: Database, scale: str, type_: str | None
    ) -> None:
        spec = Store(training).chart("anisotropy_by_step", scale=scale).to_dict()
        x = spec["vconcat"][0]["layer"][0]["encoding"]["x"]
        assert x["scale"].get("type") == type_
        if type_:
            assert x["axis"]["values"][0] == 0
            # Below the first step after 0 the scale is linear.
            assert x["scale"]["constant"] == 1


def test_each_layer_is_a_line(training: Database) -> None:
    rows = ask(training, "dimension_by_step", models=["lab/grows"], layers=[1, 2])
    assert [(row["state"], row["step"]) for row in rows] == [
        (f"layer {layer}", step) for layer in (1, 2) for step in (0, 1, 10, 100)
    ]
    assert column(rows, "value")[:4] == pytest.approx([1, 1.75, 2.5, 3.25])
    assert {row["site"] for row in rows} == {"block"}


class TestHeatMap:
    @pytest.fixture
    def sparse(self, tmp_path: Path) -> Database:
        """Two steps, of which the second lacks layer 2 and has no value in layer 1."""
        database = new_store(tmp_path / "sparse.duckdb")

        def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
            return None if key.layer == 1 else depth

        write_run(database, make_run(revision="step1", step=1, n_layers=2))
        run = make_run(revision="step2", step=2, n_layers=2, values=values)
        kept = [m for m in run.measured.measurements if m.key.layer < 2]
        measured = dataclasses.replace(run.measured, measurements=tuple(kept))
        write_run(database, dataclasses.replace(run, measured=measured))
        return database

    def test_every_layer_meets_every_step(self, sparse: Database) -> None:
        rows = ask(sparse, "dimension_heatmap")
        assert [(row["layer"], row["step"]) for row in rows] == [
            (layer, step) for layer in (0, 1, 2) for step in (1, 2)
        ]
        found = {(row["layer"], row["step"]): row for row in rows}
        assert found[2, 2]["value"] is None
        assert found[2, 2]["reason"] == "not measured"
        assert found[1, 2]["reason"] == "undefined in this example"
        assert found[2, 1]["reason"] is None

    @pytest.mark.slow
    def test_cells_without_a_value_are_crossed_out(self, sparse: Database) -> None:
        spec = Store(sparse).chart("dimension_heatmap").to_dict()
        (both,) = spec["vconcat"]
        blocks, embedding = both["vconcat"]
        for view, layers in ((blocks, {1, 2}), (embedding, {0})):
            shown = spec["datasets"][view["data"]["name"]]
            assert {row["layer"] for row in shown} == layers
        assert both["resolve"] == {"scale": {"color": "independent"}}
        _edges, cells, crosses = blocks["spec"]["layer"]
        assert cells["mark"]["type"] == "rect"
        assert crosses["mark"]["text"] == "×"
        assert crosses["transform"] == [{"filter": "(!isValid(datum['value']))"}]
        assert spec["title"]["text"][0].startswith("× marks a cell without a value.")


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """One name, two models: of two layers with the value 5, of four with the value 9."""
    database = new_store(tmp_path_factory.mktemp("twins") / "twins.duckdb")
    for n_layers, value in ((2, 5.0), (4, 9.0)):
        for step in range(1, 6):
            values = by_layer(*[value] * (n_layers + 1))
            run = make_run(
                name="lab/ckpt",
                revision=f"step{step}",
                step=step,
                n_layers=n_layers,
                values=values,
            )
            weights = f"{n_layers} layers at {step}"
            other = dataclasses.replace(run.checkpoint, weights_sha256=weights)
            write_run(database, dataclasses.replace(run, checkpoint=other))
    return database


class TestTwoModelsWithOneName:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "question",
        [
            *("anisotropy_by_step", "dimension_by_step", "dimension_heatmap", "phases"),
            *("dimension_ceiling", "checkpoint_changes", "nearest_models", "coverage"),
        ],
    )
    def test_each_is_a_series_of_its_own(self, twins: Database, question: str) -> None:
        models = twins.select("SELECT model_id FROM model").to_pylist()
        rows = ask(twins, question)
        names = {str(row["series"]): row["model_id"] for row in rows}
        assert set(names.values()) == {row["model_id"] for row in models}
        for name, model_id in names.items():
            assert name.startswith(f"lab/ckpt {str(model_id)[:8]}")

    @pytest.mark.slow
    def test_no_value_is_dropped_or_mixed(self, twins: Database) -> None:
        rows = ask(twins, "dimension_by_step")
        assert len(rows) == 5 * (3 + 5)
        assert {(row["model_id"], row["value"]) for row in rows} == {
            (row["model_id"], 5.0 if row["n_layers"] == 2 else 9.0)
            for row in twins.select("SELECT model_id, n_layers FROM model").to_pylist()
        }
        peaks = ask(twins, "phases")
        assert sorted(float(str(row["peak_value"])) for row in peaks) == [5.0, 9.0]
        near = ask(twins, "nearest_models")
        assert {(row["distance"], row["n_depths"]) for row in near} == {(4.0, 21)}
        assert len(near) == 2


def test_the_macro_of_the_order_in_training_sorts_as_revisions_are(empty: Database) -> None:
    names = [
        *("stage2-step5", "stage1-step1000", "step7", "main", "Stage_10-step3", "step0"),
        *("backstage4-step9", "stage2/step60", "stage-3-checkpoint-8", "stage9", "tokens5B"),
    ]
    revisions = [parse_revision(name) for name in names]
    found = empty.select(
        "SELECT name FROM ("
        "SELECT unnest($names::VARCHAR[]) AS name, unnest($steps::BIGINT[]) AS step"
        ") ORDER BY training_order(name, step), name",
        {"names": names, "steps": [revision.step for revision in revisions]},
    )
    assert found["name"].to_pylist() == [one.name for one in in_training_order(revisions)]


@pytest.fixture(scope="module")
def high(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Three models of dimensions 20, 58 and 80 in their highest layer, 5 % errors."""
    database = new_store(tmp_path_factory.mktemp("high") / "high.duckdb")
    for top in (20.0, 58.0, 80.0):
        write_runs(
            database,
            [
                make_run(
                    name=f"lab/{top:.0f}",
                    revision=f"step{step}",
                    step=step,
                    n_layers=2,
                    values=by_layer(0.5 * top * share, top * share, 0.5 * top * share),
                )
                for step, share in ((1, 0.5), (2, 1.0))
            ],
        )
    return database


class TestCeiling:
    @pytest.mark.slow
    def test_yes_only_where_the_whole_interval_is_above(self, high: Database) -> None:
        rows = ask(high, "dimension_ceiling", scopes=["all"])
        # 58 ± 1.96 · 2.9 reaches above 60, 80 ± 1.96 · 4 stays above it.
        assert {row["model"]: row["exceeds"] for row in rows} == {
            "lab/20": "no",
            "lab/58": "perhaps",
            "lab/80": "yes",
        }
        assert {(row["layer"], row["step"]) for row in rows} == {(1, 2)}
        assert {row["model"]: row["n_above"] for row in rows}["lab/80"] == 1
        reached = {row["model"]: row["highest_possible"] for row in rows}
        assert reached["lab/80"] == pytest.approx(80 + 1.96 * 4, rel=1e-3)

    def test_what_surely_exceeds_is_told_beside_the_highest(self, tmp_path: Path) -> None:
        """Layer 1 is higher and less certain than layer 2."""
        run = make_run(n_layers=2, values=by_layer(1.0, 90.0, 70.0))
        wide = tuple(
            dataclasses.replace(m, ci_low=50.0, ci_high=130.0) if m.key.layer == 1 else m
            for m in run.measured.measurements
        )
        run = dataclasses.replace(
            run, measured=dataclasses.replace(run.measured, measurements=wide)
        )
        database = new_store(tmp_path / "s.duckdb", [run])
        (row,) = ask(database, "dimension_ceiling", scopes=["all"])
        assert (row["exceeds"], row["value"], row["layer"]) == ("yes", 90.0, 1)
        assert (row["surely_value"], row["surely_layer"]) == (70.0, 2)
        (row,) = ask(database, "dimension_ceiling", scopes=["all"], ceiling=80)
        assert (row["exceeds"], row["surely_value"]) == ("perhaps", None)

    def test_texts_of_one_name_are_rows_of_their_own(self, tmp_path: Path) -> None:
        runs = [
            make_run(name="lab/a", n_layers=1, text=text, values=by_layer(1.0, value))
            for text, value in (("", 10.0), ("edited", 20.0))
        ]
        database = new_store(tmp_path / "s.duckdb", runs)
        rows = ask(database, "dimension_ceiling", scopes=["all"])
        ids = database.select("SELECT corpus_id FROM corpus").to_pylist()
        assert {str(row["series"]) for row in rows} == {
            f"lab/a · text {found['corpus_id'][:8]}" for found in ids
        }
        assert {row["value"] for row in rows} == {10.0, 20.0}

    @pytest.mark.slow
    def test_the_ceiling_may_be_another(self, high: Database) -> None:
        rows = ask(high, "dimension_ceiling", scopes=["all"], ceiling=10)
        assert {row["exceeds"] for row in rows} == {"yes"}
        assert {row["ceiling"] for row in rows} == {10.0}
