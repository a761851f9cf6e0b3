import json
from pathlib import Path

import duckdb
import pytest

from embstore.asking.ask import find_question, find_questions
from embstore.errors import EmbstoreError, QueryError, StoreError, UsageError
from tests.cli.running import embstore, ok, refused, run
from tests.stores import new_store
from tests.synthetic import make_run


class TestLs:
    @pytest.mark.parametrize(
        ("what", "column", "values"),
        [
            ("models", "model", {"lab/decoder", "lab/encoder"}),
            ("checkpoints", "revision", {"main"}),
            ("runs", "corpus", {"example-text"}),
        ],
    )
    def test_lists_the_store(self, store: Path, what: str, column: str, values: set[str]) -> None:
        rows = json.loads(ok("ls", what, "-s", store, "-f", "json"))
        assert len(rows) == 2
        assert {row[column] for row in rows} == values

    def test_metrics_and_queries_need_no_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        metrics = {row["name"]: row for row in json.loads(ok("ls", "metrics", "-f", "json"))}
        assert metrics["anisotropy"]["upper"] == "1"
        assert metrics["cka_next"]["family"] == "next_layer"
        queries = {row["name"]: row for row in json.loads(ok("ls", "queries", "-f", "json"))}
        assert queries["layer_profile"]["chart"] is True
        assert queries["layer_profile"]["parameters"].startswith("metric=anisotropy models=NULL")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("what", ["models", "metrics"])
    def test_queries_refuses_a_folder_of_what_is_not_listed(
        self, what: str, tmp_path: Path
    ) -> None:
        says = f"--queries adds questions, and {what} are none; leave it out"
        assert str(refused("ls", what, "--queries", tmp_path)) == says

    def test_a_broken_query_does_not_hide_the_others(self, tmp_path: Path) -> None:
        (tmp_path / "good.sql").write_text("-- title: mine\nSELECT 1")
        (tmp_path / "broken.sql").write_text("-- title: x\n\n-- titel: y\nSELECT 1")
        result = run("ls", "queries", "--queries", tmp_path, "-f", "json")
        assert {"good", "runs"} <= {row["name"] for row in json.loads(result.stdout)}
        assert result.stderr == (
            f"error: {tmp_path}/broken.sql:3: found 'titel'; did you mean '-- title: …'?\n"
        )
        assert result.exit_code == 1

    def test_unknown_list_names_the_known(self) -> None:
        error = refused("ls", "layers")
        assert isinstance(error, UsageError)
        assert str(error) == (
            "cannot list 'layers'; choose from models, checkpoints, runs, metrics, queries"
        )
        assert str(refused("ls", "model")).startswith(
            "cannot list 'model' (did you mean models?); choose"
        )

    def test_an_empty_store_says_so(self, empty: Path) -> None:
        result = run("ls", "models", "-s", empty)
        assert result.stdout.startswith("model,kind,")
        assert result.stderr == f"no rows: {empty} holds no models yet\n"


def test_info_counts(store: Path) -> None:
    shown = ok("info", "-s", store, "-f", "table")
    facts = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert facts["runs"] == "2"
    assert facts["models"] == "lab/decoder, lab/encoder"
    assert facts["store"] == str(store)


class TestQuery:
    def test_answers_in_csv_where_there_is_no_terminal(self, store: Path) -> None:
        shown = ok("query", "layer_profile", "-s", store, "-p", "metric=twonn", "-p", "scopes=all")
        head, *rows = shown.splitlines()
        assert head.startswith("series,scope,layer,depth,site,metric,value,")
        assert len(rows) == 10

    def test_a_list_is_commas_or_repeats(self, store: Path) -> None:
        both = ok("query", "peak_layer", "-s", store, "-p", "models=lab/decoder,lab/encoder")
        again = ok(
            "query",
            "peak_layer",
            "-s",
            store,
            "-p",
            "models=lab/decoder",
            "-p",
            "models=lab/encoder",
        )
        assert both == again
        assert len(both.splitlines()) == 5

    def test_output_suffix_is_the_format(self, store: Path, tmp_path: Path) -> None:
        assert ok("query", "runs", "-s", store, "-o", tmp_path / "runs.json") == ""
        assert len(json.loads((tmp_path / "runs.json").read_text())) == 2

    def test_show_prints_the_file_and_needs_no_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert ok("query", "runs", "--show") == find_question("runs").path.read_text()

    def test_show_for_duckdb_runs_there(self, store: Path, tmp_path: Path) -> None:
        asked = ["layer_profile", "-p", "metric=twonn", "-p", "models=lab/decoder"]
        ok("query", *asked, "--show", "--duckdb", "-o", tmp_path / "q.sql")
        text = (tmp_path / "q.sql").read_text()
        assert text == ok("query", *asked, "--show", "--duckdb")
        with duckdb.connect(str(store), read_only=True) as plain:
            shown = plain.execute(text).to_arrow_table()["value"].to_pylist()
        answered = json.loads(ok("query", *asked, "-s", store, "-f", "json"))
        assert shown == [row["value"] for row in answered]

    def test_show_for_duckdb_checks_parameters_and_needs_show(self, tmp_path: Path) -> None:
        (tmp_path / "mine.sql").write_text("-- title: Mine\nSELECT $y")
        assert "mine.sql: the SQL uses $y, which no '-- param y TYPE: …' declares" in str(
            refused("query", "mine", "--queries", tmp_path, "--show", "--duckdb")
        )
        assert "no parameter 'x'" in str(
            refused("query", "runs", "--show", "--duckdb", "-p", "x=1")
        )
        assert "--duckdb changes what --show prints" in str(refused("query", "runs", "--duckdb"))

    @pytest.mark.parametrize(
        "option", [("--tag", "lr=0.1"), ("--reasons",), ("-f", "json")], ids=lambda words: words[0]
    )
    def test_show_refuses_what_it_would_drop(self, option: tuple[str, ...]) -> None:
        says = "--show prints the SQL, to which --tag, --reasons and --format do nothing"
        assert str(refused("query", "runs", "--show", *option)) == says

    def test_show_refuses_values_that_the_file_does_not_have(self) -> None:
        says = "--show prints the file as it is; with --duckdb it has the values of -p"
        assert str(refused("query", "layer_profile", "--show", "-p", "metric=twonn")) == says

    def test_reasons_on_request(self, store: Path) -> None:
        head = ok("query", "layer_profile", "-s", store, "--reasons").splitlines()[0]
        assert ",value,reason,ci_low," in head
        assert "has no layer" in str(refused("query", "peak_layer", "-s", store, "--reasons"))
        sql = "SELECT run_id, layer, scope, metric, value FROM profile"
        assert ok("sql", sql, "-s", store, "--reasons").splitlines()[0].endswith(",value,reason")

    def test_own_folder(self, store: Path, tmp_path: Path) -> None:
        text = "-- title: t\n-- param n INTEGER: n\nSELECT $n + 1 AS next"
        (tmp_path / "own.sql").write_text(text)
        assert ok("query", "own", "-s", store, "--queries", tmp_path, "-p", "n=4") == "next\n5\n"

    def test_an_empty_store_gives_no_rows_and_a_message(self, empty: Path) -> None:
        result = run("query", "layer_profile", "-s", empty)
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) == 1
        assert result.stderr.startswith(f"no rows: {empty} holds no runs yet")

    def test_nothing_that_fits_says_what_was_asked(self, store: Path, tmp_path: Path) -> None:
        text = "-- title: t\n-- param n INTEGER: n\nSELECT n FROM profile WHERE n = $n"
        (tmp_path / "own.sql").write_text(text)
        result = run("query", "own", "-s", store, "--queries", tmp_path, "-p", "n=-1")
        assert result.stderr == f"no rows: nothing in {store} fits n=-1\n"

    def test_an_empty_answer_says_what_the_store_lacks(self, store: Path) -> None:
        assert run("query", "failures", "-s", store).stderr == (
            f"no rows: {store} has no failed checkpoints\n"
        )
        asked = ("query", "duplicate_checkpoints", "-s", store, "-p", "models=lab/decoder")
        assert run(*asked).stderr == (
            f"no rows: nothing in {store} fits models=lab/decoder: no two checkpoints of one model "
            "with the same weights\n"
        )

    @pytest.mark.slow
    def test_a_chart_says_why_it_is_empty_as_a_query_does(
        self, store: Path, tmp_path: Path
    ) -> None:
        drawn = 0
        for name, question in find_questions().items():
            if question.encoding is None:
                continue
            asked = (name, "-s", store, "-p", "models=lab/encoder")
            result = run("query", *asked)
            if result.exit_code or not result.stderr.startswith("no rows: "):
                continue
            error = refused("chart", *asked, "-o", tmp_path / "p.svg")
            why = result.stderr.splitlines()[0].removeprefix("no rows: ")
            assert str(error) == f"question {name}: no rows, so there is nothing to draw: {why}"
            drawn += 1
        assert drawn

    @pytest.mark.parametrize(
        ("arguments", "kind", "message"),
        [
            (
                ["layer_profil"],
                QueryError,
                "no question 'layer_profil' (did you mean layer_profile",
            ),
            (["layer_profile", "-p", "metric=foo"], QueryError, "no metric 'foo' in this store"),
            (
                ["layer_profile", "-p", "x=1"],
                UsageError,
                "question layer_profile has no parameter 'x'",
            ),
            (["layer_profile", "-p", "metric"], UsageError, "parameter 'metric' has no value"),
            (
                ["layer_profile", "-p", "scopes="],
                UsageError,
                "parameter scopes is empty; name at least one, or leave it out for all,no_sinks",
            ),
            (["failures", "-p", "models=lab/decode"], QueryError, "did you mean lab/decoder"),
            (["layer_profile", "-p", "by=step"], UsageError, "choose from depth, layer"),
            (
                ["layer_profile", "-p", "final_norm=perhaps"],
                UsageError,
                "parameter final_norm: found 'perhaps'; expected true or false",
            ),
            (["runs", "-f", "xml"], UsageError, "unknown format 'xml'; choose from auto, table"),
            (["runs", "-o", "x.doc"], UsageError, "suffix '.doc'; expected .csv"),
            (["runs", "--queries", "/nowhere"], UsageError, "'/nowhere' is not a folder"),
        ],
    )
    def test_bad_input(
        self, store: Path, arguments: list[str], kind: type[EmbstoreError], message: str
    ) -> None:
        error = refused("query", *arguments, "-s", store)
        assert type(error) is kind
        assert message in str(error)

    def test_no_store(self, tmp_path: Path) -> None:
        error = refused("query", "runs", "-s", tmp_path / "none.duckdb")
        assert isinstance(error, StoreError)
        assert "no store at" in str(error)


class TestChart:
    @pytest.mark.slow
    def test_writes_the_file(self, store: Path, tmp_path: Path) -> None:
        result = run("chart", "layer_profile", "-s", store, "-o", tmp_path / "p.svg")
        assert result.stdout == ""
        assert result.stderr == f"wrote {tmp_path / 'p.svg'}\n"
        title = "<title>Without attention sinks, anisotropy in decoder falls from 0.95 to 0.15"
        assert title in (tmp_path / "p.svg").read_text()

    @pytest.mark.slow
    def test_draws_dimension_by_scale(self, store: Path, tmp_path: Path) -> None:
        drawn = tmp_path / "scale.svg"
        ok("chart", "dimension_scale", "-s", store, "-p", "layers=0,4", "-o", drawn)
        svg = drawn.read_text()
        assert "<title>Intrinsic dimension by scale</title>" in svg
        # Two models with two layers each.
        assert svg.count('aria-roledescription="line mark"') == 4

    @pytest.mark.slow
    def test_themes(self, store: Path, tmp_path: Path) -> None:
        for theme in ("light", "dark"):
            chart = ["chart", "layer_profile", "-s", store, "--theme", theme]
            ok(*chart, "-o", tmp_path / f"{theme}.json")
        light, dark = (
            json.loads((tmp_path / f"{theme}.json").read_text())["config"]["background"]
            for theme in ("light", "dark")
        )
        assert light != dark
        error = refused("chart", "layer_profile", "-s", store, "--theme", "red", "-o", "x.svg")
        assert isinstance(error, UsageError)

    def test_suffix_is_checked_before_anything_else(self, tmp_path: Path) -> None:
        error = refused("chart", "nothing", "-s", tmp_path / "none", "-o", "x.gif")
        assert isinstance(error, UsageError)
        assert "expected .html, .svg, .png, .pdf, .json" in str(error)

    def test_no_rows_write_no_file(self, empty: Path, tmp_path: Path) -> None:
        error = refused("chart", "layer_profile", "-s", empty, "-o", tmp_path / "p.svg")
        assert str(error) == (
            "question layer_profile: no rows, so there is nothing to draw: "
            f"{empty} holds no runs yet; fill it with embstore ingest"
        )
        assert not (tmp_path / "p.svg").exists()


@pytest.mark.slow
@pytest.mark.parametrize("quiet", [False, True])
def test_series_that_look_alike_are_told_with_the_option_that_thins_them(
    tmp_path: Path, quiet: bool
) -> None:
    path = tmp_path / "many.duckdb"
    new_store(path, [make_run(name=f"lab/model-{i:02}", n_layers=1) for i in range(43)])
    drawn = tmp_path / "c.json"
    given = ["-q"] if quiet else []
    result = embstore(*given, "chart", "layer_profile", "-s", path, "-o", drawn)
    told = (
        "warning: 43 series share 42 looks, so that some look alike: ask for fewer, with "
        "-p models=… (in Python models=…)\n"
    )
    assert result.returncode == 0
    assert result.stderr == ("" if quiet else f"{told}wrote {drawn}\n")


@pytest.mark.parametrize("command", ["query", "chart"])
def test_a_question_that_hides_a_built_in_one_is_told(
    tmp_path: Path, store: Path, command: str
) -> None:
    (tmp_path / "sink_effect.sql").write_text(
        "-- title: t\n-- chart: mark=point x=n:Q y=n:Q\nSELECT 1 AS n"
    )
    (tmp_path / "other.sql").write_text(
        "-- title: t\n-- chart: mark=point x=n:Q y=n:Q\nSELECT 1 AS n"
    )
    given: list[str | Path] = [
        "--queries",
        tmp_path,
        "-s",
        store,
        *(("-o", tmp_path / "c.json") if command == "chart" else ()),
    ]
    said = embstore(command, "sink_effect", *given).stderr
    note = f"note: {tmp_path}/sink_effect.sql goes before the built-in question sink_effect\n"
    assert said.count(note) == 1
    assert "note" not in embstore(command, "other", *given).stderr


@pytest.mark.slow
def test_links_to_themselves_end_in_one_line(tmp_path: Path, store: Path) -> None:
    for name in ("a.csv", "a.sql", "a.svg"):
        (tmp_path / name).symlink_to(tmp_path / name)
    loop = "too many levels of symbolic links"
    assert loop in str(refused("sql", "-i", tmp_path / "a.sql", "-s", store))
    assert loop in str(refused("query", "runs", "-s", store, "-o", tmp_path / "a.csv"))
    assert loop in str(refused("query", "a", "-s", store, "--queries", tmp_path))
    assert loop in str(refused("chart", "layer_profile", "-s", store, "-o", tmp_path / "a.svg"))
    long = "x" * 300
    assert "name too long" in str(refused("query", "runs", "-s", store, "-o", f"{long}.csv"))
    assert "not a folder" in str(refused("query", "runs", "-s", store, "--queries", long))
