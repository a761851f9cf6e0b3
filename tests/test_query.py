import dataclasses
import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from embstore.api import Store
from embstore.errors import QueryError, UsageError
from embstore.parameters import Parameter, convert
from embstore.query import bind, caveat, find_question, find_questions, metric_info, run_question
from embstore.question import Channel, parse_question
from embstore.resources import resource_folder
from embstore.store.connection import Database, open_database
from embstore.store.statement import statement_parameters
from embstore.store.writing import write_failure, write_run
from embstore.types import Failure, LayerKey, Measurement, Run, Scope
from tests.synthetic import make_run

BUILT_IN = sorted(path.stem for path in resource_folder("queries").glob("*.sql"))


def with_a_gap(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    return None if key.layer == 2 else 0.25 + depth / 2


def with_pairs(run: Run) -> Run:
    """Add a metric of a layer and the next, which the last layer of a stack lacks."""
    lasts = {
        (layer.key.stack, layer.key.layer) for layer in run.measured.layers if layer.depth == 1
    }
    pairs = [
        Measurement(layer.key, scope, "cka_next", 0.5 + layer.depth / 2, n=layer.n_tokens)
        for layer in run.measured.layers
        if (layer.key.stack, layer.key.layer) not in lasts
        for scope in ("all", "no_sinks")
    ]
    info = dataclasses.replace(run.metrics[0], name="cka_next", title="CKA with the next layer")
    measured = dataclasses.replace(run.measured, measurements=(*run.measured.measurements, *pairs))
    return dataclasses.replace(run, measured=measured, metrics=(*run.metrics, info))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return open_database(tmp_path_factory.mktemp("empty") / "empty.duckdb")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Database:
    database = open_database(tmp_path_factory.mktemp("small") / "small.duckdb")
    for run in (
        make_run(name="lab/decoder"),
        make_run(name="lab/encoder", kind="encoder", n_layers=2),
        make_run(name="lab/t5", kind="encoder-decoder", n_layers=2),
        make_run(name="lab/steps", revision="step1", step=1, values=with_a_gap),
        make_run(name="lab/steps", revision="step2", step=2),
        copy_of(make_run(name="lab/steps", revision="step2", step=2), revision="step3"),
        make_run(name="lab/texts", corpus="prose"),
        make_run(name="lab/texts", corpus="verse"),
    ):
        write_run(database, run)
    failed_at = datetime(2026, 11, 2, tzinfo=UTC)
    write_failure(
        database,
        Failure("lab/steps", "step4", "load", "damaged", "prose", failed_at, "0.1.0"),
    )
    return database


def copy_of(run: Run, *, revision: str) -> Run:
    """Give the same weights another name."""
    return dataclasses.replace(
        run, checkpoint=dataclasses.replace(run.checkpoint, revision=revision)
    )


HEADER = """\
-- title: Counting
-- doc: First line
--   and the second.
-- param metric VARCHAR: which metric
-- param scopes VARCHAR[] = ['all', 'no_sinks'] in ('all', 'no_sinks'): which: tokens
-- param since DATE = '2026-01-01': from this day
-- param models VARCHAR[] = NULL in model.name: which models
-- param said VARCHAR = 'it''s': a quote
-- chart: mark=line x=depth:Q y=value:Q color=model:N

SELECT 1 -- title: not a header
"""


class TestHeader:
    def test_reads_title_doc_parameters_and_chart(self) -> None:
        question = parse_question(HEADER, Path("folder/counting.sql"))
        assert question.name == "counting"
        assert question.title == "Counting"
        assert question.doc == "First line and the second."
        metric, scopes, since, models, said = question.parameters
        assert metric == Parameter("metric", "VARCHAR", "which metric", required=True)
        assert scopes.default == ["all", "no_sinks"]
        assert scopes.choices == ("all", "no_sinks")
        assert scopes.doc == "which: tokens"
        assert since.default == date(2026, 1, 1)
        assert (models.required, models.default, models.column) == (False, None, ("model", "name"))
        assert said.default == "it's"
        assert question.encoding is not None
        assert question.encoding.mark == "line"
        assert question.encoding.channels["color"] == Channel("model", "N")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("SELECT 1", "q.sql:1: no title"),
            (
                "-- title: a\n-- titel: b\nSELECT 1",
                "q.sql:2: found 'titel'; did you mean '-- title",
            ),
            ("-- title: a\n-- parm x VARCHAR: b\nSELECT 1", "did you mean '-- param NAME TYPE"),
            ("-- title: a\n-- title: b\nSELECT 1", "q.sql:2: a second 'title:' line; the first"),
            ("-- hello\nSELECT 1", "q.sql:1: found 'hello'; expected"),
            ("-- title: a\n-- param x: b\nSELECT 1", "q.sql:2: found 'param x: b'; expected"),
            ("-- title: a\n-- param x FLOAT: b\nSELECT 1", "q.sql:2: parameter x has type FLOAT"),
            ("-- title: a\n-- param x INTEGER = 'z': b\nSELECT 1", "found 'z'; expected INTEGER"),
            (
                "-- title: a\n-- param x VARCHAR = 'z' in ('a', 'b'): b\nSELECT 1",
                "found 'z'; expected one of a, b",
            ),
            (
                "-- title: a\n-- param x DATE: b\n-- param x DATE: b\nSELECT 1",
                "q.sql:3: parameter x is declared twice",
            ),
            ("-- title: a\n-- chart: mark=pie x=a:Q y=b:Q\nSELECT 1", "q.sql:2: chart: mark 'pie'"),
            ("-- title: a\n-- chart: mark=bar x=a:Q\nSELECT 1", "chart: y missing"),
            ("-- title: a\n-- chart: mark=bar x=a y=b:Q\nSELECT 1", "expected x=column:type"),
            ("-- title: a\n-- chart: mark=bar z=a:Q\nSELECT 1", "channel 'z'"),
            ("-- title: a\n-- chart: mark=bar x\nSELECT 1", "expected channel=column:type"),
            ("-- title: a\n", "q.sql: no SQL after the header"),
        ],
    )
    def test_names_file_line_and_what_is_wrong(self, text: str, message: str) -> None:
        with pytest.raises(QueryError) as caught:
            parse_question(text, Path("q.sql"))
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


class TestConvert:
    @pytest.mark.parametrize(
        ("type_", "given", "value"),
        [
            ("VARCHAR", "a,b", "a,b"),
            ("INTEGER", "-3", -3),
            ("BIGINT", "5000000000", 5_000_000_000),
            ("DOUBLE", "1e-3", 0.001),
            ("DOUBLE", 2, 2.0),
            ("BOOLEAN", "True", True),
            ("BOOLEAN", "no", False),
            ("DATE", "2026-02-28", date(2026, 2, 28)),
            ("VARCHAR[]", 'a, "b,c"', ["a", "b,c"]),
            ("VARCHAR[]", ("a", "b,c"), ["a", "b,c"]),
            ("VARCHAR[]", "", []),
            ("INTEGER[]", "1,2", [1, 2]),
        ],
    )
    def test_reads_text_and_python_values(self, type_: str, given: object, value: object) -> None:
        converted = convert(Parameter("p", type_, ""), given)
        assert converted == value
        assert type(converted) is type(value)

    @pytest.mark.parametrize(
        ("type_", "given"),
        [
            ("VARCHAR", 3),
            ("INTEGER", "1.5"),
            ("INTEGER", "3000000000"),
            ("INTEGER", True),
            ("DOUBLE", "many"),
            ("BOOLEAN", "maybe"),
            ("DATE", "yesterday"),
            ("INTEGER[]", "1,x"),
            ("VARCHAR[]", 3),
            ("VARCHAR", None),
        ],
    )
    def test_misfit_names_parameter_found_and_expected(self, type_: str, given: object) -> None:
        with pytest.raises(UsageError, match=r"^parameter p: found .*; expected ") as caught:
            convert(Parameter("p", type_, ""), given)
        assert type_ in str(caught.value)

    def test_null_is_allowed_where_it_is_the_default(self) -> None:
        assert convert(Parameter("p", "VARCHAR[]", "", required=False), None) is None


class TestFinding:
    def test_lists_every_built_in_file(self) -> None:
        assert sorted(find_questions()) == BUILT_IN
        assert {"layer_profile", "dimension_scale", "peak_layer", "runs"} <= set(BUILT_IN)

    def test_a_users_file_wins_and_the_first_folder_wins(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for folder in ("first", "second", "third"):
            (tmp_path / folder).mkdir()
            text = f"-- title: from {folder}\nSELECT 1"
            (tmp_path / folder / "runs.sql").write_text(text)
        folders = os.pathsep.join([str(tmp_path / "second"), str(tmp_path / "third")])
        monkeypatch.setenv("EMBSTORE_QUERIES", folders)
        assert find_question("runs").title == "from second"
        assert find_question("runs", [tmp_path / "first"]).title == "from first"
        assert not find_question("runs").built_in
        assert find_question("peak_layer").built_in

    def test_unknown_name_offers_the_closest(self) -> None:
        with pytest.raises(QueryError, match=r"no query 'layr_profile' \(did you mean layer_prof"):
            find_question("layr_profile")
        with pytest.raises(QueryError, match="list them: embstore ls queries"):
            find_question("zzz")

    def test_a_broken_file_does_not_stop_the_others(self, tmp_path: Path) -> None:
        (tmp_path / "broken.sql").write_text("SELECT 1")
        assert find_question("runs", [tmp_path]).name == "runs"
        with pytest.raises(QueryError, match=r"broken\.sql:1: no title"):
            find_questions([tmp_path])

    def test_missing_folder_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(UsageError, match=r"'.*nowhere' is not a folder"):
            find_questions([tmp_path / "nowhere"])
        monkeypatch.setenv("EMBSTORE_QUERIES", str(tmp_path / "gone"))
        with pytest.raises(UsageError, match=r"EMBSTORE_QUERIES: '.*gone' is not a folder"):
            find_question("runs")


class TestBind:
    def test_unknown_parameter_offers_the_closest(self) -> None:
        with pytest.raises(UsageError, match=r"no parameter 'metrics' \(did you mean metric\?\)"):
            bind(find_question("layer_profile"), {"metrics": "twonn"})

    def test_missing_parameter_is_named(self) -> None:
        question = parse_question(HEADER, Path("q.sql"))
        with pytest.raises(UsageError, match=r"query q: parameter metric \(VARCHAR\) is missing"):
            bind(question)

    def test_values_are_converted_and_defaults_filled_in(self) -> None:
        values = bind(find_question("layer_profile"), {"models": "a,b", "final_norm": "yes"})
        assert values["models"] == ["a", "b"]
        assert values["final_norm"] is True
        assert values["metric"] == "anisotropy"


@pytest.mark.parametrize("name", BUILT_IN)
class TestEveryQuestion:
    def test_declares_what_it_uses(self, name: str) -> None:
        question = find_question(name)
        assert {p.name for p in question.parameters} == statement_parameters(question.sql)
        assert question.doc
        assert all(parameter.doc for parameter in question.parameters)

    def test_answers_on_an_empty_store(self, name: str, empty: Database) -> None:
        question = find_question(name)
        table = run_question(empty, question)
        assert table.num_rows == 0
        if question.encoding is not None:
            drawn = {channel.column for channel in question.encoding.channels.values()}
            by = {f"${p.name}" for p in question.parameters}
            assert drawn - by <= set(table.column_names)

    def test_answers_on_a_small_store_without_decimals(self, name: str, small: Database) -> None:
        table = run_question(small, find_question(name))
        assert table.num_rows > 0
        assert not [field.name for field in table.schema if "decimal" in str(field.type)]
        assert table.equals(run_question(small, find_question(name)))

    def test_is_one_select(self, name: str, small: Database) -> None:
        question = find_question(name)
        values = bind(question)
        assert small.select_untrusted(question.sql, values).num_rows > 0


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
            "lab/steps@step1",
            "lab/steps@step2",
            "lab/steps@step3",
            "lab/t5 · decoder",
            "lab/t5 · encoder",
            "lab/texts · prose",
            "lab/texts · verse",
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
        assert row["contrast"] == pytest.approx(0.95 - (0.05 + 0.725 + 0.725 + 0.05) / 4)

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
        database = open_database(tmp_path / "two.duckdb")
        early = make_run().provenance.created_at
        write_run(database, make_run(seed=1, created_at=early))
        latest = write_run(database, make_run(created_at=early.replace(year=2027)))
        table = run_question(database, find_question("dimension_scale"))
        assert set(table["run_id"].to_pylist()) == {latest}

    @pytest.mark.parametrize("by", ["mean_distance", "rank"])
    def test_chart_has_a_panel_per_model_and_a_line_per_layer(
        self, small: Database, by: str
    ) -> None:
        store = Store(small)
        spec = store.chart(
            "dimension_scale", models=["lab/decoder", "lab/encoder"], by=by
        ).to_dict()
        assert spec["facet"]["column"]["field"] == "series"
        band, line, _ = spec["spec"]["layer"]
        assert line["encoding"]["x"]["field"] == by
        assert line["encoding"]["detail"]["field"] == "state"
        assert band["mark"]["type"] == "area"


class TestPairs:
    """A metric of two layers has the earlier one's key, so none at the last layer."""

    @pytest.fixture
    def pairs(self, tmp_path: Path) -> Database:
        database = open_database(tmp_path / "pairs.duckdb")
        write_run(database, with_pairs(make_run(name="lab/decoder")))
        return database

    def test_profile_ends_before_the_last_layer(self, pairs: Database) -> None:
        params = {"metric": "cka_next", "scopes": ["all"]}
        table = run_question(pairs, find_question("layer_profile"), params)
        assert table["layer"].to_pylist() == [0, 1, 2, 3]
        assert table["value"].to_pylist() == [0.5, 0.625, 0.75, 0.875]

    def test_chart_draws_what_there_is(self, pairs: Database) -> None:
        spec = Store(pairs).chart("layer_profile", metric="cka_next").to_dict()
        (rows,) = spec["datasets"].values()
        assert sorted({row["depth"] for row in rows}) == [0.0, 0.25, 0.5, 0.75]
        assert all(row["value"] is not None for row in rows)
        # Neither an interval nor a line to nowhere.
        assert [layer["mark"]["type"] for layer in spec["layer"]] == ["line", "point"]
        assert spec["layer"][0]["encoding"]["x"]["scale"]["domain"] == [0, 1]
        assert spec["title"] == "CKA with the next layer: profile across layers"

    @pytest.mark.parametrize("question", ["peak_layer", "sink_effect"])
    def test_the_stack_keeps_its_length(self, pairs: Database, question: str) -> None:
        rows = run_question(pairs, find_question(question), {"metric": "cka_next"}).to_pylist()
        assert {(row["peak_layer"], row["n_layers"]) for row in rows} == {(3, 4)}


def test_encoder_vs_decoder_separates_kinds_and_scopes(small: Database) -> None:
    rows = run_question(small, find_question("encoder_vs_decoder")).to_pylist()
    assert {row["kind"] for row in rows} == {"decoder", "encoder", "encoder-decoder"}
    assert {row["scope"] for row in rows} == {"all", "no_sinks"}


def test_runs_tells_cost(small: Database) -> None:
    row = run_question(small, find_question("runs"), {"models": "lab/decoder"}).to_pylist()[0]
    # 256 tokens, 2.5 s forward, 0.5 s geometry.
    assert row["tokens_per_second"] == pytest.approx(256 / 3.0)
    assert row["geometry_over_forward"] == pytest.approx(0.2)
    assert row["latest"] is True


def test_runs_tells_how_neighbors_were_found(tmp_path: Path) -> None:
    database = open_database(tmp_path / "recall.duckdb")
    run = make_run()
    first, second, *rest = run.measured.layers
    layers = (
        dataclasses.replace(first, neighbor_recall=0.999),
        dataclasses.replace(second, neighbor_recall=0.98),
        *rest,
    )
    measured = dataclasses.replace(run.measured, layers=layers)
    write_run(database, dataclasses.replace(run, measured=measured))
    write_run(database, make_run(seed=1))
    rows = run_question(database, find_question("runs")).to_pylist()
    assert {row["seed"]: row["neighbor_recall"] for row in rows} == {0: 0.98, 1: 1.0}
    assert {(row["linear"], row["scopes"]) for row in rows} == {("torch", "all,no_first,no_sinks")}


def test_metric_info_is_the_stores(small: Database) -> None:
    info = metric_info(small, "twonn")
    assert info is not None
    assert info.unit == "dimensions"
    assert metric_info(small, "foo") is None


def test_declared_and_used_must_agree(small: Database, tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text("-- title: a\n-- param x INTEGER = 1: b\nSELECT 1 AS one")
    with pytest.raises(QueryError, match=r"q\.sql: parameter x is declared, but the SQL has no"):
        run_question(small, find_question("q", [tmp_path]))
    path.write_text("-- title: a\nSELECT $x AS x")
    with pytest.raises(QueryError, match=r"q\.sql: the SQL uses \$x, which no '-- param x TYPE"):
        run_question(small, find_question("q", [tmp_path]))


def test_a_users_question_is_guarded(small: Database, tmp_path: Path) -> None:
    (tmp_path / "bad.sql").write_text("-- title: a\nSELECT * FROM read_csv('/etc/passwd')")
    with pytest.raises(QueryError, match="read_csv"):
        run_question(small, find_question("bad", [tmp_path]))
    (tmp_path / "drop.sql").write_text("-- title: a\nDROP TABLE measurement")
    with pytest.raises(QueryError, match="must be a SELECT"):
        run_question(small, find_question("drop", [tmp_path]))


def test_a_question_with_a_chart_is_one_file(small: Database, tmp_path: Path) -> None:
    text = (resource_folder("queries") / "layer_profile.sql").read_text()
    (tmp_path / "mine.sql").write_text(text)
    assert run_question(small, find_question("mine", [tmp_path])).num_rows > 0


def test_asking_never_imports_torch(small: Database, tmp_path: Path) -> None:
    store = shutil.copy(small.path, tmp_path / "copy.duckdb")
    code = (
        "import sys\n"
        "from embstore.api import open_store\n"
        f"store = open_store({str(store)!r})\n"
        "assert store.query('layer_profile').num_rows\n"
        "assert 'altair' not in sys.modules\n"
        "store.chart('layer_profile')\n"
        "import embstore.metrics\n"
        "print(sorted({'torch', 'transformers', 'sqlalchemy', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


class TestCaveat:
    """What a reader should know before trusting a dimension."""

    def test_large_dimensions_are_said_to_fall_short(self) -> None:
        rows = pa.table({"metric": ["twonn", "mle", "anisotropy"], "value": [25.0, 12.0, 0.9]})
        found = caveat(rows)
        assert found is not None
        assert "above about 20 are underestimated (twonn)" in found

    def test_columns_called_like_metrics_count_too(self) -> None:
        assert "(mle)" in (caveat(pa.table({"layer": [0], "mle": [24.4]})) or "")

    def test_small_dimensions_and_other_metrics_need_none(self) -> None:
        rows = pa.table({"metric": ["twonn", "effective_rank"], "value": [8.0, 300.0]})
        assert caveat(rows) is None
        assert caveat(pa.table({"value": [99.0]})) is None
        assert caveat(pa.table({"metric": ["mle"], "value": pa.nulls(1, pa.float64())})) is None
