import dataclasses
import re
from pathlib import Path

import pytest
from scipy import stats

from embstore.api.store import Store
from embstore.asking.ask import find_question, run_question
from embstore.common.paths import resource_folder
from embstore.errors import QueryError
from embstore.metrics.conventions import errors_of_an_interval
from embstore.metrics.names import PEAKS_WITHOUT_EMBEDDING
from embstore.store.database import Database
from embstore.store.writing import write_run
from embstore.types import Run
from tests.queries.asking import ask, by_layer, column
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, make_run

# Windows: so many that Student's t is the normal.
MANY = 1_000_001
# The values at depths 0, ½ and 1, and what shape that is at errors of 5 %.
SHAPES = {
    (10, 20, 10): "bell",
    (20, 10, 20): "valley",
    (10, 20, 40): "rising",
    (40, 20, 10): "falling",
    (20, 21, 20): "flat",
    (10, 20, 21): "open",
}


class TestLayerProfile:
    def test_values_are_the_stored_ones(self, small: Database) -> None:
        table = run_question(
            small, find_question("layer_profile"), {"models": ["lab/decoder"], "scopes": ["all"]}
        )
        # 0.05 + 0.9 · 4 · depth · (1 − depth), as the synthetic run defines it.
        assert table.column("value").to_pylist() == pytest.approx([0.05, 0.725, 0.95, 0.725, 0.05])
        assert table.column("layer").to_pylist() == [0, 1, 2, 3, 4]
        assert set(table.column("site").to_pylist()) == {"embedding", "block"}

    def test_final_norm_only_when_asked_for(self, small: Database) -> None:
        params = {"models": "lab/decoder", "scopes": "all", "final_norm": "true"}
        table = run_question(small, find_question("layer_profile"), params)
        assert table.column("site").to_pylist().count("final_norm") == 1

    def test_a_series_says_only_what_tells_lines_apart(self, small: Database) -> None:
        table = run_question(small, find_question("layer_profile"))
        assert sorted(set(table.column("series").to_pylist())) == [
            "lab/decoder",
            "lab/encoder",
            "lab/encoder · words shuffled",
            "lab/steps@step1",
            "lab/steps@step2",
            "lab/steps@step3",
            "lab/t5 · decoder",
            "lab/t5 · encoder",
            "lab/texts · prose",
            "lab/texts · verse",
            "openai-community/gpt2",
        ]

    def test_one_value_per_series_scope_and_layer(self, small: Database) -> None:
        rows = run_question(small, find_question("layer_profile")).to_pylist()
        keys = [(row["series"], row["scope"], row["layer"]) for row in rows]
        assert len(keys) == len(set(keys))

    def test_unknown_metric_and_model_name_what_there_is(self, small: Database) -> None:
        question = find_question("layer_profile")
        with pytest.raises(QueryError, match=r"no metric 'twon' in this store \(did you mean tw"):
            run_question(small, question, {"metric": "twon"})
        with pytest.raises(QueryError, match=r"no model 'encoder' .*did you mean lab/encoder"):
            run_question(small, question, {"models": "encoder"})


class TestPeakLayer:
    def test_finds_peak_ends_and_contrast(self, small: Database) -> None:
        params = {"models": "lab/decoder", "scopes": "all"}
        (row,) = run_question(small, find_question("peak_layer"), params).to_pylist()
        assert (row["peak_layer"], row["peak_depth"], row["n_layers"]) == (2, 0.5, 4)
        assert row["peak_value"] == pytest.approx(0.95)
        assert row["first_value"] == row["last_value"] == pytest.approx(0.05)
        # Depths 0, ¼, ½, ¾, 1: only ½ lies in the middle third.
        assert row["middle_minus_rest"] == pytest.approx(0.95 - (0.05 + 0.725 + 0.725 + 0.05) / 4)

    def test_counts_layers_without_a_value(self, small: Database) -> None:
        params = {"models": "lab/steps", "scopes": "all"}
        first, *others = run_question(small, find_question("peak_layer"), params).to_pylist()
        assert [row["n_missing"] for row in (first, *others)] == [1, 0, 0]
        assert (first["peak_layer"], first["middle_mean"]) == (4, None)


class TestDimensionScale:
    def test_points_are_the_stored_ones_by_layer_and_rank(self, small: Database) -> None:
        params = {"models": "lab/decoder", "layers": "0,4"}
        rows = run_question(small, find_question("dimension_scale"), params).to_pylist()
        # 8 + 4·depth − rank and 1.5·rank, as the synthetic run defines them.
        assert [
            (x["state"], x["rank"], x["dimension"], x["mean_distance"], x["ci_low"], x["ci_high"])
            for x in rows
        ] == [
            ("layer 0", 1, 7.0, 1.5, 6.5, 7.5),
            ("layer 0", 2, 6.0, 3.0, 5.5, 6.5),
            ("layer 4", 1, 11.0, 1.5, 10.5, 11.5),
            ("layer 4", 2, 10.0, 3.0, 9.5, 10.5),
        ]
        assert {(x["series"], x["scope"], x["std_error"], x["n"]) for x in rows} == {
            ("lab/decoder", "all", 0.25, 253)
        }

    def test_final_norm_is_a_line_of_its_own(self, small: Database) -> None:
        params = {"models": "lab/decoder", "layers": [4], "final_norm": True}
        table = run_question(small, find_question("dimension_scale"), params)
        assert table["state"].to_pylist() == [
            *["layer 4"] * 2,
            *["layer 4 after final norm"] * 2,
        ]

    def test_one_point_per_line_and_rank(self, small: Database) -> None:
        params = {"scopes": ["all", "no_sinks"], "final_norm": True}
        rows = run_question(small, find_question("dimension_scale"), params).to_pylist()
        lines = {(x["series"], x["state"], x["scope"], x["rank"]) for x in rows}
        assert len(lines) == len(rows)
        assert {x["series"] for x in rows} >= {"lab/steps@step1", "lab/t5 · encoder"}

    def test_only_the_latest_run_counts(self, tmp_path: Path) -> None:
        database = new_store(tmp_path / "two.duckdb")
        early = make_run().provenance.created_at
        write_run(database, make_run(seed=1, created_at=early))
        latest = write_run(database, make_run(created_at=early.replace(year=2027)))
        table = run_question(database, find_question("dimension_scale"))
        assert set(table["run_id"].to_pylist()) == {latest}

    def test_five_blocks_are_shown_evenly_from_the_first_to_the_last(self, tmp_path: Path) -> None:
        run = make_run(n_layers=30)
        database = new_store(tmp_path / "deep.duckdb", [run, make_run(name="lab/b", n_layers=2)])
        rows = run_question(database, find_question("dimension_scale")).to_pylist()
        shown: dict[str, list[int]] = {"example/decoder-small": [], "lab/b": []}
        for row in rows:
            if row["rank"] == 1:
                shown[row["series"]].append(row["layer"])
        assert shown == {"example/decoder-small": [1, 8, 16, 23, 30], "lab/b": [1, 2]}
        every = run_question(database, find_question("dimension_scale"), {"all_layers": True})
        assert len(set(every["layer"].to_pylist())) == 31

    @pytest.mark.slow
    @pytest.mark.parametrize("by", ["mean_distance", "rank"])
    def test_chart_has_a_panel_per_model_and_a_line_per_layer(
        self, small: Database, by: str
    ) -> None:
        store = Store(small)
        spec = store.chart(
            "dimension_scale", models=["lab/decoder", "lab/encoder"], by=by
        ).to_dict()
        (view,) = spec["vconcat"]
        assert view["facet"]["column"]["field"] == "series"
        band, line, *_ = view["spec"]["layer"]
        assert line["encoding"]["x"]["field"] == by
        assert line["encoding"]["detail"]["field"] == "state"
        assert band["mark"]["type"] == "area"


class TestPairs:
    """A metric of two layers has the earlier one's key, so none at the last layer."""

    def test_profile_ends_before_the_last_layer(self, one: Database) -> None:
        rows = ask(one, "layer_profile", metric="cka_next", scopes=["all"])
        assert column(rows, "layer") == [0, 1, 2, 3]
        # 0.1 + 0.2 · depth, as the synthetic run defines it.
        assert column(rows, "value") == pytest.approx([0.1, 0.15, 0.2, 0.25])

    def test_chart_draws_what_there_is(self, one: Database) -> None:
        spec = Store(one).chart("layer_profile", metric="cka_next").to_dict()
        (view,) = spec["vconcat"]
        rows = next(rows for rows in spec["datasets"].values() if rows != [{}])
        assert sorted({row["depth"] for row in rows}) == [0.0, 0.25, 0.5, 0.75]
        assert all(row["value"] is not None for row in rows)
        # Neither an interval nor a line to nowhere.
        # The third is the ground of hollow markers, the last the name of the line.
        assert [layer["mark"]["type"] for layer in view["layer"]] == [
            *("line", "point", "point", "text"),
        ]
        assert view["layer"][0]["encoding"]["x"]["scale"]["domain"] == [0, 1]
        assert view["title"]["subtitle"] == "Linear CKA with the next layer: profile across layers"

    @pytest.mark.parametrize("question", ["peak_layer", "sink_effect"])
    def test_the_stack_keeps_its_length(self, one: Database, question: str) -> None:
        rows = ask(one, question, metric="cka_next")
        assert {(row["peak_layer"], row["n_layers"]) for row in rows} == {(3, 4)}

    def test_linearity_has_both_measures_by_name(self, one: Database) -> None:
        rows = ask(one, "linearity_profile")
        assert set(column(rows, "measure")) == {
            "Linearity to the next layer",
            "Linearity of what the next layer adds",
        }
        assert [row["linearity"] for row in rows if row["metric"] == "linearity_next"] == (
            pytest.approx([0.1, 0.15, 0.2, 0.25])
        )
        (first,) = ask(one, "linearity_profile", metrics=["linearity_next"])[:1]
        assert (first["layer"], first["scope"], first["n"]) == (0, "all", 256)

    def test_similarity_has_three_measures(self, one: Database) -> None:
        rows = ask(one, "adjacent_similarity")
        assert set(column(rows, "metric")) == {
            *("adjacent_cosine", "cka_next", "neighbor_overlap_next"),
        }
        assert len(rows) == 3 * 4

    @pytest.mark.parametrize("question", ["linearity_profile", "adjacent_similarity"])
    def test_a_store_measured_without_pairs_has_none(self, small: Database, question: str) -> None:
        assert ask(small, question, models=["lab/encoder"]) == []


def test_encoder_vs_decoder_separates_kinds_and_scopes(small: Database) -> None:
    rows = run_question(small, find_question("encoder_vs_decoder")).to_pylist()
    assert {row["kind"] for row in rows} == {"decoder", "encoder", "encoder-decoder"}
    assert {row["scope"] for row in rows} == {"all", "no_sinks"}


def test_dimension_profile_has_interval_and_quartiles(one: Database) -> None:
    rows = ask(one, "dimension_profile")
    assert {row["metric"] for row in rows} == {"lid_p50"}
    assert column(rows, "value") == pytest.approx([0.1, 0.15, 0.2, 0.25, 0.3])
    assert column(rows, "lid_p25") == column(rows, "lid_p75") == column(rows, "value")
    twonn = ask(one, "dimension_profile", metric="twonn")
    # Five per cent of the value, as the synthetic run defines it.
    assert [row["ci_high"] for row in twonn] == pytest.approx(
        [1.098 * value for value in (8.0, 9.01, 10.02, 11.03, 12.04)]
    )


def test_dimension_profile_of_a_store_without_its_metric_has_no_rows(tmp_path: Path) -> None:
    database = new_store(tmp_path / "few.duckdb", [make_run()])
    assert ask(database, "dimension_profile") == []
    assert len(ask(database, "dimension_profile", metric="twonn")) == 5


def test_sink_effect_is_what_sinks_add_at_the_peak(small: Database) -> None:
    (row,) = ask(small, "sink_effect", models=["lab/decoder"])
    assert row["at_peak"] == pytest.approx(0.95)
    assert row["at_peak_no_sinks"] == pytest.approx(0.15)
    assert row["effect"] == pytest.approx(0.80)
    assert (row["series"], row["n_sinks"]) == ("lab/decoder", 1)


def test_massive_activations_name_token_and_coordinate(one: Database) -> None:
    rows = ask(one, "massive_activations")
    assert {(r["place"], r["token"], r["position"]) for r in rows} == {
        ("coordinate 3", "word1", 0),
        ("coordinate 3", "word2", 0),
    }
    # The largest is 2000 times the median; the second is half of it.
    assert {(r["rank"], r["ratio"]) for r in rows} == {(1, 2000.0), (2, 1000.0)}
    assert ask(one, "massive_activations", least_ratio=1500.0, ranks=1)[0]["rank"] == 1
    assert {row["site"] for row in rows} == {"embedding", "block"}
    asked = ask(one, "massive_activations", final_norm=True)
    assert len(asked) == len(rows) + 2
    assert ask(one, "massive_activations", revisions=["main"]) == rows


def test_layers_tell_checkpoints_and_texts_apart(small: Database) -> None:
    rows = ask(small, "layers", models=["lab/steps", "lab/texts"])
    assert list(dict.fromkeys((r["series"], r["step"], r["corpus"]) for r in rows)) == [
        ("lab/steps@step1", 1, "example-text"),
        ("lab/steps@step2", 2, "example-text"),
        ("lab/steps@step3", 3, "example-text"),
        ("lab/texts · prose", None, "prose"),
        ("lab/texts · verse", None, "verse"),
    ]
    assert len({(r["run_id"], r["revision"]) for r in rows}) == 5


@pytest.mark.parametrize(
    "question", ["layer_profile", "peak_layer", "depth_grid", "bell_shape", "cost", "layers"]
)
def test_steps_stand_in_the_order_of_their_numbers(tmp_path: Path, question: str) -> None:
    database = new_store(
        tmp_path / "order.duckdb",
        [
            make_run(revision=revision, step=step, n_layers=2)
            for revision, step in (("main", None), ("step10", 10), ("step9", 9), ("step100", 100))
        ],
    )
    shown = dict.fromkeys(column(ask(database, question), "revision"))
    assert list(shown) == ["step9", "step10", "step100", "main"]


def of_windows(run: Run, n: int = MANY) -> Run:
    """Say that a run's errors are of so many windows."""
    return dataclasses.replace(
        run, configuration=dataclasses.replace(run.configuration, n_windows=n)
    )


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Five models of three layers, called by the values at their depths 0, ½ and 1."""
    return new_store(
        tmp_path_factory.mktemp("shapes") / "shapes.duckdb",
        [
            of_windows(
                make_run(
                    name="lab/" + "-".join(map(str, values)),
                    n_layers=2,
                    values=by_layer(*values),
                    errors={"anisotropy": 0.05},
                )
            )
            for values in SHAPES
        ],
    )


class TestBellShape:
    def test_contrast_is_middle_minus_ends(self, small: Database) -> None:
        (row,) = ask(small, "bell_shape", models=["lab/decoder"], scopes=["all"])
        # Depths 0, ¼, ½, ¾, 1: ends are 0 and 1, the middle third holds ½.
        assert (row["start_mean"], row["end_mean"]) == pytest.approx((0.05, 0.05))
        assert row["contrast"] == pytest.approx(0.9)
        assert (row["peak_layer"], row["peak_depth"]) == (2, 0.5)

    def test_revisions_narrow_it(self, small: Database) -> None:
        rows = ask(small, "bell_shape", models=["lab/steps"], scopes=["all"])
        assert len(rows) > 1
        revision = rows[0]["revision"]
        assert (
            ask(small, "bell_shape", revisions=[revision], scopes=["all"], models=["lab/steps"])[0][
                "run_id"
            ]
            == rows[0]["run_id"]
        )

    def test_without_errors_the_shape_is_open(self, small: Database) -> None:
        (row,) = ask(small, "bell_shape", models=["lab/decoder"], scopes=["all"])
        assert (row["shape"], row["std_error"], row["ci_low"]) == ("open", None, None)

    def test_shape_follows_from_both_ends(self, shapes: Database) -> None:
        rows = ask(shapes, "bell_shape", scopes=["all"])
        assert {row["model"]: row["shape"] for row in rows} == {
            "lab/" + "-".join(map(str, values)): shape for values, shape in SHAPES.items()
        }

    def test_error_combines_those_of_the_parts(self, shapes: Database) -> None:
        (row,) = ask(shapes, "bell_shape", models=["lab/10-20-10"], scopes=["all"])
        # 5 % of 20 for the middle, 5 % of 10 for both ends, which share their tokens.
        assert row["std_error"] == pytest.approx((1.0**2 + 0.5**2) ** 0.5)
        # As the metrics' own intervals. Of a million windows Wallace's t is the normal.
        reach = errors_of_an_interval(MANY - 1)
        assert row["ci_high"] == pytest.approx(10 + reach * 1.25**0.5, rel=1e-5)
        assert row["ci_low"] == pytest.approx(10 - reach * 1.25**0.5, rel=1e-5)

    @pytest.mark.parametrize("n_windows", [8, 16, 64])
    def test_of_few_windows_errors_reach_as_far_as_student_says(
        self, tmp_path: Path, n_windows: int
    ) -> None:
        run = make_run(n_layers=2, values=by_layer(10, 20, 10), errors={"anisotropy": 0.05})
        database = new_store(tmp_path / "few.duckdb", [of_windows(run, n_windows)])
        (row,) = ask(database, "bell_shape", scopes=["all"])
        reach = errors_of_an_interval(n_windows - 1) * 1.25**0.5
        # Wallace's approximation is at most 4 % too large.
        assert reach * (1 - 1e-3) < float(str(row["ci_high"])) - 10 < reach * 1.04
        assert reach * (1 - 1e-3) < 10 - float(str(row["ci_low"])) < reach * 1.04
        # The middle is 20 ± 1, an end 10 ± 0.5: nine errors apart. As rare as z = 7 are more.
        apart = 10 / 1.25**0.5
        level = stats.norm.sf(7.0)
        shape = "bell" if stats.t.isf(level, n_windows - 1) < apart else "open"
        (row,) = ask(database, "bell_shape", scopes=["all"], z=7.0)
        assert row["shape"] == shape
        assert shape == ("bell" if n_windows == 64 else "open")

    def test_one_window_gives_no_interval(self, tmp_path: Path) -> None:
        run = make_run(n_layers=2, values=by_layer(10, 20, 10), errors={"anisotropy": 0.05})
        database = new_store(tmp_path / "one.duckdb", [of_windows(run, 1)])
        (row,) = ask(database, "bell_shape", scopes=["all"])
        assert (row["shape"], row["ci_low"], row["ci_high"]) == ("open", None, None)

    def test_a_layer_without_an_error_leaves_no_interval(self, tmp_path: Path) -> None:
        """Of the two layers in the middle third one has an error, and one has none."""
        database = new_store(tmp_path / "half.duckdb")
        run = make_run(n_layers=5, values=by_layer(1, 2, 9, 9, 2, 1), errors={"anisotropy": 0.01})
        measurements = [
            dataclasses.replace(m, std_error=None) if m.key.layer == 3 else m
            for m in run.measured.measurements
        ]
        measured = dataclasses.replace(run.measured, measurements=tuple(measurements))
        write_run(database, dataclasses.replace(run, measured=measured))
        (row,) = ask(database, "bell_shape", scopes=["all"])
        assert (row["contrast"], row["shape"]) == (8.0, "open")
        assert (row["std_error"], row["ci_low"], row["ci_high"]) == (None, None, None)

    @pytest.mark.parametrize(
        ("values", "error", "shape"),
        [
            # 0.03 is three hundred standard errors, and less than what counts.
            ((0.09, 0.12, 0.09), 0.0005, "flat"),
            # 3 · √2 · 20 % of the value is 85 % of it: a bell could hide there.
            ((10, 10, 10), 0.2, "open"),
            # 3 · √2 · 5 % is 21 %, less than a quarter.
            ((10, 10, 10), 0.05, "flat"),
        ],
    )
    def test_flat_only_where_nothing_could_hide(
        self, tmp_path: Path, values: tuple[float, ...], error: float, shape: str
    ) -> None:
        database = new_store(tmp_path / "flat.duckdb")
        errors = {"anisotropy": error}
        run = make_run(n_layers=2, values=by_layer(*values), errors=errors)
        write_run(database, of_windows(run))
        (row,) = ask(database, "bell_shape", scopes=["all"])
        assert row["shape"] == shape

    def test_the_least_contrast_is_a_parameter(self, tmp_path: Path) -> None:
        database = new_store(tmp_path / "least.duckdb")
        values = by_layer(0.09, 0.12, 0.09)
        run = make_run(n_layers=2, values=values, errors={"anisotropy": 0.0005})
        write_run(database, of_windows(run))
        (row,) = ask(database, "bell_shape", scopes=["all"], least_contrast=0.02)
        assert row["shape"] == "bell"


@pytest.fixture(scope="module")
def wide_embedding(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """One run whose numbers are highest in the embedding, then in block 3."""
    values = by_layer(68, 6, 7, 12, 8)
    run = make_run(name="a", revision="step1", step=1, values=values, metrics=ALL_METRICS)
    return new_store(tmp_path_factory.mktemp("dimension") / "s.duckdb", [run])


class TestEstimatesOfDimension:
    """The embedding's dimension is that of the vocabulary: what is found is of blocks."""

    def test_the_names_in_the_questions_are_those_of_the_metrics(self) -> None:
        named = {}
        for path in resource_folder("queries").glob("*.sql"):
            if found := re.search(r"\$metric NOT IN \(([^)]*)\)", path.read_text()):
                named[path.stem] = set(re.findall(r"'(\w+)'", found[1]))
        assert set(named) == {"anisotropy_by_step", "bell_shape", "peak_layer", "sink_effect"}
        assert all(names == PEAKS_WITHOUT_EMBEDDING for names in named.values())

    @pytest.mark.parametrize("metric", ["twonn", "lid_p50", "lid_p75"])
    def test_the_peak_is_a_block(self, wide_embedding: Database, metric: str) -> None:
        (row,) = ask(wide_embedding, "peak_layer", metric=metric, scopes=["all"])
        assert (row["peak_layer"], row["peak_value"], row["first_value"]) == (3, 12, 6)
        (row,) = ask(wide_embedding, "sink_effect", metric=metric)
        assert (row["peak_layer"], row["at_peak"], row["peak_no_sinks"]) == (3, 12, 12)
        (row,) = ask(wide_embedding, "anisotropy_by_step", metric=metric, scopes=["all"])
        assert (row["peak_layer"], row["value"]) == (3, 12)

    def test_the_start_of_a_bell_is_the_first_block(self, wide_embedding: Database) -> None:
        (row,) = ask(wide_embedding, "bell_shape", metric="twonn", scopes=["all"])
        assert (row["start_mean"], row["peak_layer"]) == (6, 3)

    @pytest.mark.parametrize("metric", ["anisotropy", "massive_ratio"])
    def test_of_other_metrics_the_embedding_is_layer_0(
        self, wide_embedding: Database, metric: str
    ) -> None:
        (row,) = ask(wide_embedding, "peak_layer", metric=metric, scopes=["all"])
        assert (row["peak_layer"], row["peak_value"]) == (0, 68)
        (row,) = ask(wide_embedding, "bell_shape", metric=metric, scopes=["all"])
        assert row["start_mean"] == 68
