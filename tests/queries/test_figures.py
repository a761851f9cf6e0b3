"""Questions that draw figures of papers: several metrics, sizes, one scale, published values."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embstore.api.store import Store
from embstore.store.database import Database
from embstore.types import LayerKey, MassiveActivation, Run
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, RANKS, make_run

STEPS = (0, 10, 100)
# Of the smallest GPT-2 and of Pythia with 160 million parameters.
GPT2: dict[str, Any] = {"n_layers": 12, "hidden_size": 768}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A training, and two sizes of a model over a text as it is and shuffled."""
    runs = [
        *(
            make_run(name="lab/training", revision=f"step{n}", step=n, metrics=ALL_METRICS)
            for n in STEPS
        ),
        *(
            make_run(
                name=f"lab/size-{size}",
                hidden_size=size,
                n_layers=size // 4,
                corpus=corpus,
                shuffle=shuffle,
                metrics=ALL_METRICS,
            )
            for size in (8, 16)
            for corpus in ("prose", "verse")
            for shuffle in ("none", "words")
        ),
    ]
    return Store(new_store(tmp_path_factory.mktemp("figures") / "figures.duckdb", runs))


class TestMetricProfiles:
    @pytest.mark.slow
    def test_metrics_stand_in_the_order_asked_for(self, store: Store) -> None:
        for metrics in (["twonn", "anisotropy"], ["anisotropy", "twonn"]):
            rows = store.query("metric_profiles", metrics=metrics).table.to_pylist()
            assert list(dict.fromkeys(row["metric"] for row in rows)) == metrics
            assert {row["quantity"] for row in rows} == {
                "Anisotropy",
                "Intrinsic dimension (TwoNN)",
            }

    @pytest.mark.slow
    def test_each_panel_is_the_profile_of_its_metric(self, store: Store) -> None:
        columns = ["model", "revision", "corpus", "scope", "layer", "value", "run_id"]
        several = store.query("metric_profiles", metrics=["twonn", "mean_cosine"]).table
        for metric in ("twonn", "mean_cosine"):
            alone = store.query(
                "layer_profile", metric=metric, scopes=["all"], controls=False
            ).table
            ours = [row for row in several.to_pylist() if row["metric"] == metric]
            assert [{c: row[c] for c in columns} for row in ours] == alone.select(
                columns
            ).to_pylist()

    @pytest.mark.slow
    def test_panels_are_below_each_other_each_with_its_axis(self, store: Store) -> None:
        answer = store.query("metric_profiles", models=["lab/training"])
        views = answer.plot().to_dict()["vconcat"][0]["vconcat"]
        titles = [view["layer"][0]["encoding"]["y"]["title"] for view in views]
        assert titles == [["Anisotropy"], ["Intrinsic dimension", "(TwoNN)"]]
        assert len({view["height"] for view in views}) == 1


class TestMetricsByStep:
    @pytest.mark.slow
    def test_a_point_per_step_of_the_state_asked_for(self, store: Store, tmp_path: Path) -> None:
        profile = {
            (row["step"], row["layer"], row["site"], row["metric"]): row["value"]
            for row in store.sql(
                "SELECT * FROM profile_latest WHERE model = 'lab/training' AND scope = 'all'"
            ).table.to_pylist()
        }
        for params, layer, site in (
            ({}, 4, "final_norm"),
            ({"state": "last_block"}, 4, "block"),
            ({"layer": 2}, 2, "block"),
            ({"layer": 0}, 0, "embedding"),
        ):
            rows = store.query("metrics_by_step", **params).table.to_pylist()
            assert [(row["metric"], row["step"]) for row in rows] == [
                (metric, step) for metric in ("anisotropy", "twonn") for step in STEPS
            ]
            for row in rows:
                assert (row["layer"], row["site"]) == (layer, site)
                assert row["value"] == profile[row["step"], layer, site, row["metric"]]

    def test_without_a_final_norm_the_last_block_is_shown(self, tmp_path: Path) -> None:
        run = make_run(revision="step1", step=1)
        kept = tuple(one for one in run.measured.layers if one.key.site != "final_norm")
        numbers = tuple(m for m in run.measured.measurements if m.key.site != "final_norm")
        measured = replace(run.measured, layers=kept, measurements=numbers)
        database = new_store(tmp_path / "s.duckdb", [replace(run, measured=measured)])
        (row,) = Store(database).query("metrics_by_step", metrics=["twonn"]).table.to_pylist()
        assert (row["layer"], row["site"]) == (4, "block")

    def test_the_block_before_the_last_is_not_called_the_last(self, store: Store) -> None:
        rows = store.query(
            "metrics_by_step", metrics=["cka_next", "twonn"], state="last_block"
        ).table.to_pylist()
        assert {(row["metric"], row["layer"], row["quantity"].split(", ")[-1]) for row in rows} == {
            ("cka_next", 3, "last two blocks"),
            ("twonn", 4, "last block"),
        }


class TestMeanBySize:
    @pytest.mark.slow
    def test_a_point_is_the_mean_over_the_blocks(self, store: Store) -> None:
        rows = store.query("mean_by_size", models=["lab/size-8", "lab/size-16"]).table.to_pylist()
        assert len(rows) == 2 * 2 * 2 * 2
        for row in rows:
            blocks = store.sql(
                "SELECT value, std_error FROM profile WHERE run_id = $run AND metric = $metric "
                "AND scope = 'all' AND site = 'block'",
                run=row["run_id"],
                metric=row["metric"],
            ).table.to_pylist()
            values = [block["value"] for block in blocks if block["value"] is not None]
            assert row["mean"] == pytest.approx(np.mean(values))
            assert row["n_blocks"] == len(values)
            errors = [block["std_error"] for block in blocks if block["value"] is not None]
            if None in errors:
                assert row["std_error"] is None
            else:
                assert row["std_error"] == pytest.approx(np.mean(errors))
            assert row["text"] == ("as it is" if row["shuffle"] == "none" else "words shuffled")
            assert row["hidden_size"] == int(row["model"].rpartition("-")[2])

    def test_of_a_training_the_last_step_counts(self, store: Store) -> None:
        rows = store.query("mean_by_size", models=["lab/training"]).table.to_pylist()
        assert {row["step"] for row in rows} == {STEPS[-1]}

    def test_of_several_stages_the_last_step_of_the_last_one(self, tmp_path: Path) -> None:
        runs = [
            make_run(revision=f"stage{n}-step{step}", step=step)
            for n, step in ((1, 900), (2, 5), (2, 60))
        ]
        opened = Store(new_store(tmp_path / "s.duckdb", runs))
        rows = opened.query("mean_by_size").table.to_pylist()
        assert [row["revision"] for row in rows] == ["stage2-step60"] * 2

    def test_shuffled_text_is_of_the_checkpoint_that_read_the_text_as_it_is(
        self, tmp_path: Path
    ) -> None:
        later = datetime(2026, 11, 9, tzinfo=UTC)
        runs = [
            make_run(revision="step10", step=10),
            make_run(revision="step10", step=10, shuffle="words"),
            make_run(revision="step90", step=90, shuffle="words", created_at=later),
            make_run(name="lab/controls", revision="step10", step=10, shuffle="words"),
            make_run(name="lab/controls", revision="step90", step=90, shuffle="words"),
        ]
        opened = Store(new_store(tmp_path / "s.duckdb", runs))
        rows = opened.query("mean_by_size", metrics="twonn").table.to_pylist()
        assert [(row["model"], row["revision"], row["text"]) for row in rows] == [
            ("example/decoder-small", "step10", "as it is"),
            ("example/decoder-small", "step10", "words shuffled"),
            # No text as it is to stand beside.
            ("lab/controls", "step90", "words shuffled"),
        ]

    def test_of_several_checkpoints_without_a_step_the_one_measured_last(
        self, tmp_path: Path
    ) -> None:
        runs = [
            make_run(revision=revision, created_at=datetime(2026, 11, day, tzinfo=UTC))
            for revision, day in (("final", 3), ("main", 5), ("other", 4))
        ]
        opened = Store(new_store(tmp_path / "s.duckdb", runs))
        rows = opened.query("mean_by_size", metrics="twonn").table.to_pylist()
        assert [row["revision"] for row in rows] == ["main"]

    def test_untrained_controls_are_left_out(self, tmp_path: Path) -> None:
        runs = [make_run(), make_run(revision="random-init-0", step=0)]
        opened = Store(new_store(tmp_path / "s.duckdb", runs))
        revisions = {row["revision"] for row in opened.query("mean_by_size").table.to_pylist()}
        assert revisions == {"main"}


class TestGrideProfile:
    @pytest.mark.parametrize("rank", RANKS)
    def test_it_is_the_curve_at_that_rank(self, store: Store, rank: int) -> None:
        rows = store.query("gride_profile", rank=rank, models=["lab/size-8"]).table.to_pylist()
        panels = {(row["corpus"], row["text"]) for row in rows}
        assert panels == {
            (corpus, text)
            for corpus in ("prose", "verse")
            for text in ("as it is", "words shuffled")
        }
        for row in rows:
            assert row["series"] == "lab/size-8"
            assert row["dimension"] == pytest.approx(8.0 + 4 * row["depth"] - rank)
        keys = [(row["corpus"], row["text"], row["layer"]) for row in rows]
        assert len(keys) == len(set(keys))


def massive(run: Run, values: dict[int, float]) -> Run:
    """Give the outputs of some blocks a largest activation."""
    found = tuple(
        MassiveActivation(
            key=LayerKey("decoder", layer, "block"),
            rank=1,
            window_index=0,
            position=0,
            token_id=1,
            coordinate=447,
            value=value,
            token="the",
        )
        for layer, value in values.items()
    )
    return replace(run, measured=replace(run.measured, massive=found))


class TestPublished:
    def test_the_same_model_at_the_same_layer_is_laid_beside(self, tmp_path: Path) -> None:
        run = massive(make_run(name="gpt2", **GPT2), {2: -7.0, 3: -2480.0, 4: 1328.0, 10: 3024.0})
        database = new_store(tmp_path / "s.duckdb", [run])
        rows = Store(database).query("published").table.to_pylist()
        assert [(row["layer"], row["published"], row["times_published"]) for row in rows] == [
            (3, 2480.0, 1.0),
            (4, 2656.0, 0.5),
            (10, 3024.0, 1.0),
        ]
        assert {row["source"] for row in rows} == {"arXiv:2503.22329"}
        assert all("no first-token marker" in row["protocol"] for row in rows)

    def test_a_first_token_marker_is_told_apart(self, tmp_path: Path) -> None:
        run = massive(make_run(name="lab/GPT2", **GPT2), {4: 2672.0})
        marked = replace(run, configuration=replace(run.configuration, n_special_tokens=1))
        rows = Store(new_store(tmp_path / "s.duckdb", [marked])).query("published")
        assert [row["published"] for row in rows.table.to_pylist()] == [2672.0]

    @pytest.mark.parametrize(
        "changed",
        [
            {"shuffle": "words"},
            {"windows": "documents"},
            {"revision": "random-init-0", "step": 0},
            {"revision": "step5", "step": 5},
            {"name": "gpt2-medium"},
            {"n_layers": 11},
            {"hidden_size": 32},
        ],
    )
    def test_what_was_measured_otherwise_is_not(
        self, changed: dict[str, object], tmp_path: Path
    ) -> None:
        run = make_run(**{"name": "gpt2", **GPT2, **changed})
        database = new_store(tmp_path / "s.duckdb", [massive(run, {3: 2480.0})])
        assert Store(database).query("published").table.num_rows == 0

    def test_the_last_state_is_after_the_final_norm_and_of_the_last_step(
        self, tmp_path: Path
    ) -> None:
        runs = [
            make_run(
                name="EleutherAI/pythia-160m",
                **GPT2,
                windows="documents",
                metrics=ALL_METRICS,
                revision=revision,
                step=step,
            )
            for revision, step in (("main", None), ("step143000", 143_000), ("step1000", 1000))
        ]
        as_last = [
            replace(
                run,
                measured=replace(
                    run.measured,
                    measurements=tuple(
                        replace(m, scope="last", metric="participation_ratio")
                        for m in run.measured.measurements
                        if (m.scope, m.metric) == ("all", "twonn")
                    ),
                ),
            )
            for run in runs
        ]
        rows = Store(new_store(tmp_path / "s.duckdb", as_last)).query("published").table.to_pylist()
        assert {row["revision"] for row in rows} == {"main", "step143000"}
        sites = {row["layer"]: row["site"] for row in rows}
        assert sites == {**dict.fromkeys(range(1, 12), "block"), 12: "final_norm"}
        assert {row["published"] for row in rows if row["layer"] == 1} == {75.031}

    def test_all_of_them_can_be_listed(self, small: Database) -> None:
        listed = Store(small).query("published", missing=True).table.to_pylist()
        models = {row["published_as"] for row in listed}
        assert {"facebook/opt-125m", "google/gemma-2-2b"} <= models
        assert all(row["published"] > 0 for row in listed)
