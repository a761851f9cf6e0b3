import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from embstore.errors import QueryError, UsageError
from embstore.parameters import Parameter, convert
from embstore.query import bind, caveat, find_question, find_questions, metric_info, run_question
from embstore.question import Channel, parse_question
from embstore.resources import resource_folder
from embstore.store.connection import Database, open_database
from embstore.store.statement import statement_parameters
from embstore.store.writing import write_run
from embstore.types import LayerKey, Scope
from tests.synthetic import make_run

BUILT_IN = sorted(path.stem for path in resource_folder("queries").glob("*.sql"))


def with_a_gap(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    return None if key.layer == 2 else 0.25 + depth / 2


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
        make_run(name="lab/texts", corpus="prose"),
        make_run(name="lab/texts", corpus="verse"),
    ):
        write_run(database, run)
    return database


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
        assert {"layer_profile", "encoder_vs_decoder", "peak_layer", "runs"} <= set(BUILT_IN)

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
        first, second = run_question(small, find_question("peak_layer"), params).to_pylist()
        assert (first["n_missing"], second["n_missing"]) == (1, 0)
        assert (first["peak_layer"], first["middle_mean"]) == (4, None)


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
