import json
import os
import pty
import subprocess
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from embstore.asking.ask import find_question, find_questions
from embstore.cli.main import app
from embstore.errors import EmbstoreError, QueryError, StoreError, UsageError
from tests.cli.running import command, embstore
from tests.endless import ENDLESS
from tests.processes import imported
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ask") / "embstore.duckdb"
    new_store(
        path,
        [
            make_run(name="lab/decoder"),
            make_run(name="lab/encoder", kind="encoder"),
        ],
    )
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return new_store(tmp_path / "empty.duckdb").path


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


def ok(*arguments: object, stdin: str | None = None) -> str:
    result = run(*arguments, stdin=stdin)
    assert result.exception is None, result.exception
    return result.stdout


def refused(*arguments: object) -> EmbstoreError:
    result = run(*arguments)
    assert isinstance(result.exception, EmbstoreError)
    assert "\n" not in str(result.exception)
    assert result.stdout == ""
    return result.exception


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


class TestSql:
    def test_from_argument_stdin_and_file(self, store: Path, tmp_path: Path) -> None:
        text = "SELECT count(*) AS runs FROM run"
        (tmp_path / "q.sql").write_text(text)
        assert ok("sql", text, "-s", store) == "runs\n2\n"
        assert ok("sql", "-", "-s", store, stdin=text) == "runs\n2\n"
        assert ok("sql", "-i", tmp_path / "q.sql", "-s", store) == "runs\n2\n"

    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            ("3", 3),
            ("-2.5", -2.5),
            ("1e3", 1000.0),
            ("true", True),
            ("null", None),
            ("'3'", "3"),
            ("3x", "3x"),
            ("nan", "nan"),
            ("1_0", "1_0"),
            ("0", 0),
            ("0.5", 0.5),
            ("-0.5e-1", -0.05),
            ("", ""),
            # Codes and names rather than numbers.
            ("00123", "00123"),
            ("-01", "-01"),
            ("00.5", "00.5"),
            ("+5", "+5"),
            ("0x10", "0x10"),
            ("1.", "1."),
            (".5", ".5"),
            ("1e999", "1e999"),
            ("--5", "--5"),
        ],
    )
    def test_parameters_take_the_type_they_look_like(
        self, store: Path, given: str, shown: object
    ) -> None:
        result = ok("sql", "SELECT $x AS x", "-p", f"x={given}", "-s", store, "-f", "json")
        assert json.loads(result) == [{"x": shown}]

    def test_nan_is_null_in_json_and_says_so(self, store: Path) -> None:
        text = "SELECT 'nan'::DOUBLE AS x, NULL::DOUBLE AS y, 1.5 AS z"
        result = run("sql", text, "-s", store, "-f", "json")
        assert json.loads(result.stdout) == [{"x": None, "y": None, "z": 1.5}]
        assert result.stderr == "note: NaN or infinity is null in JSON: x\n"
        assert run("sql", text, "-s", store).stdout == "x,y,z\nnan,,1.5\n"

    def test_only_reads(self, store: Path) -> None:
        before = store.read_bytes()
        for text in ("DROP TABLE run", "COPY run TO 'x.csv'", "SELECT 1; SELECT 2"):
            assert isinstance(refused("sql", text, "-s", store), QueryError)
        assert store.read_bytes() == before

    def test_needs_one_source(self, store: Path, tmp_path: Path) -> None:
        assert "give the SQL once" in str(refused("sql", "-s", store))
        assert "give the SQL once" in str(refused("sql", "SELECT 1", "-i", "x.sql", "-s", store))
        missing = refused("sql", "-i", tmp_path / "x.sql", "-s", store)
        assert "x.sql: no such file or directory" in str(missing)

    def test_parameters_must_agree(self, store: Path) -> None:
        assert "no value for x" in str(refused("sql", "SELECT $x", "-s", store))
        assert isinstance(refused("sql", "SELECT 1", "-p", "x=1", "-s", store), UsageError)


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
class TestProcess:
    def test_exit_codes_and_one_line_errors(self, store: Path) -> None:
        for code, arguments in (
            (1, ["query", "nothing"]),
            (1, ["query", "layer_profile", "-p", "metric=foo"]),
            (2, ["query", "runs", "-f", "xml"]),
            (2, ["ls", "layers"]),
            (3, ["info", "-s", store.parent]),
        ):
            done = embstore(*arguments, EMBSTORE_STORE=str(store))
            assert done.returncode == code, done.stderr
            assert done.stderr.startswith("error: ")
            assert done.stderr.count("\n") == 1
            assert done.stdout == ""

    def test_a_reader_that_leaves_is_no_error(self, store: Path) -> None:
        text = "SELECT a.range AS n FROM range(200000) AS a ORDER BY 1"
        with subprocess.Popen(
            command("sql", text, "-s", store), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"n\n"
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
    def test_a_full_disk_behind_stdout_is_one_line(self, store: Path) -> None:
        asked = command("query", "runs", "-s", store)
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(asked, stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 1
        assert done.stderr == b"error: cannot write to standard output: no space left on device\n"

    @pytest.mark.parametrize(("no_color", "bold"), [("", True), ("1", False)])
    def test_a_terminal_gets_a_table_that_fits(
        self, store: Path, no_color: str, bold: bool
    ) -> None:
        ours, theirs = pty.openpty()
        asked = command("query", "provenance", "-s", store)
        environment = {**os.environ, "COLUMNS": "50", "NO_COLOR": no_color}
        done = subprocess.run(
            asked, stdout=theirs, stderr=subprocess.PIPE, env=environment, check=True
        )
        os.close(theirs)
        shown = os.read(ours, 100_000).decode()
        os.close(ours)
        assert ("\x1b[1m" in shown) is bold
        lines = shown.replace("\x1b[1m", "").replace("\x1b[0m", "").split("\r\n")
        # What all rows share stands above.
        assert lines[0].startswith("revision main · scope all")
        assert lines[lines.index("") + 1].split()[:2] == ["model", "layer"]
        assert max(map(len, lines)) <= 50
        assert b" fit this terminal: " in done.stderr

    def test_a_question_imports_no_pandas(self, store: Path) -> None:
        code = (
            "import sys\nfrom embstore.api.store import open_store\n"
            "store = open_store(sys.argv[1])\n"
            "store.query('peak_layer', models=['lab/decoder'])\n"
            "repr(store.query('runs'))\n"
            "import io\nfrom embstore.cli.output import render\n"
            "for name in ('runs', 'layer_profile', 'models'):\n"
            "    answer = store.query(name)\n"
            "    answer.at_a_glance(80)\n"
            "    for format_ in ('csv', 'json', 'md', 'table'):\n"
            "        render(answer.table, format_, io.BytesIO())\n"
        )
        assert not {"pandas", "torch", "scipy", "altair"} & imported(code, store)

    def test_quiet_silences_messages_but_not_data(self, empty: Path) -> None:
        done = embstore("-q", "ls", "models", "-s", empty)
        assert done.stderr == ""
        assert done.stdout.startswith("model,")

    def test_asking_imports_no_torch_and_no_pandas(self, store: Path, tmp_path: Path) -> None:
        asked = [
            ["query", "layer_profile", "-p", "metric=twonn", "-s", str(store)],
            ["chart", "layer_profile", "-s", str(store), "-o", str(tmp_path / "x.svg")],
            ["ls", "metrics"],
            ["info", "-s", str(store)],
            ["sql", "SELECT $n AS n, now() AS t", "-p", "n=1", "-s", str(store)],
            ["-q", "compare", "lab/decoder", "lab/encoder", "-s", str(store)],
            ["report", "-s", str(store), "-o", str(tmp_path / "report.html")],
        ]
        code = (
            "import sys\nfrom embstore.cli.main import main\n"
            f"for arguments in {asked!r}:\n"
            "    sys.argv = ['embstore', *arguments]\n"
            "    try:\n        main()\n    except SystemExit as end:\n        assert not end.code\n"
        )
        assert not {"torch", "transformers", "lark", "pandas"} & imported(code)


class TestLimits:
    def test_a_statement_that_takes_too_long_is_stopped(self, store: Path) -> None:
        error = refused("sql", ENDLESS, "-s", store, "--timeout", "0.2")
        assert isinstance(error, QueryError)
        assert str(error) == (
            "the statement took longer than 0.2 s and was stopped: allow more time, or ask for less"
        )

    def test_a_statement_that_takes_too_much_memory_is_stopped(self, store: Path) -> None:
        sql = "SELECT string_agg(repeat('x', 1000)) FROM range(100000)"
        error = refused("sql", sql, "-s", store, "--memory", "30MB")
        assert isinstance(error, QueryError)
        assert "needs more memory than it may take" in str(error)

    def test_a_limit_beyond_all_measure_is_one_or_is_refused(self, store: Path) -> None:
        assert ok("sql", "SELECT 1 AS n", "-s", store, "--timeout", "1e300") == "n\n1\n"
        error = refused("sql", "SELECT 1", "-s", store, "--memory", "99999999999999TB")
        assert isinstance(error, UsageError)
        assert "no machine has as much" in str(error)

    def test_limits_that_are_none_are_refused(self, store: Path) -> None:
        assert "memory is 'all'" in str(refused("sql", "SELECT 1", "-s", store, "--memory", "all"))
        assert "timeout is 0" in str(refused("sql", "SELECT 1", "-s", store, "--timeout", "0"))

    def test_parameters_may_be_called_like_them(self, store: Path) -> None:
        sql = "SELECT $timeout AS t, $memory AS m"
        given = ("-p", "timeout=1", "-p", "memory=2", "--timeout", "60", "--memory", "1GB")
        assert ok("sql", sql, "-s", store, *given) == "t,m\n1,2\n"


def test_plans_have_a_row_for_each_line(store: Path) -> None:
    shown = ok("sql", "EXPLAIN SELECT depth FROM layer", "-s", store, "-f", "table")
    assert any("LAYER" in line.upper() for line in shown.splitlines())
    assert "\\n" not in shown
    plan = json.loads(ok("sql", "EXPLAIN (FORMAT JSON) SELECT 1", "-s", store, "-f", "json"))
    assert json.loads(plan[0]["explain_value"])


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


class TestWhatIsNoText:
    """SQL that is not UTF-8 is refused by naming its first such byte, wherever it comes from."""

    SAID = "not UTF-8 text (byte 7 is 0xff); convert it, as with iconv -t utf-8"

    def test_in_a_file(self, tmp_path: Path, store: Path) -> None:
        file = tmp_path / "latin.sql"
        file.write_bytes(b"SELECT \xff")
        error = refused("sql", "-i", file, "-s", store)
        assert str(error) == f"cannot read the SQL in {file}: {self.SAID}"
        file.write_bytes(b"-- titl\xff")
        error = refused("query", "latin", "--queries", tmp_path, "-s", store)
        assert str(error) == f"{file}: cannot read this question: {self.SAID}"

    def test_on_the_command_line(self, store: Path) -> None:
        assert self.SAID in str(refused("sql", "SELECT \udcff", "-s", store))
        error = refused("sql", "SELECT $a", "-p", "a=\udcff", "-s", store)
        assert str(error) == "parameter 'a=\\udcff' is not UTF-8 text"

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "locale",
        [
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            {"PYTHONIOENCODING": "ascii"},
        ],
    )
    def test_any_locale_will_do(self, store: Path, tmp_path: Path, locale: dict[str, str]) -> None:
        there = tmp_path / "ä.duckdb"
        there.write_bytes(store.read_bytes())

        def process(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
            environment = {**os.environ, **locale}
            return subprocess.run(
                command(*words), input=stdin, env=environment, capture_output=True, check=False
            )

        sql = "SELECT 'ö' AS é, $é AS p"
        given = ("-s", str(there), "-p", "é=ü")
        for done in (
            process("sql", sql, *given),
            process("sql", "-", *given, stdin=sql.encode()),
        ):
            assert done.stdout.decode() == "é,p\nö,ü\n", done.stderr
        assert process("sql", "--help").returncode == 0
        wrong = process("sql", "-", *given, stdin=b"SELECT \xff")
        assert (wrong.returncode, self.SAID in wrong.stderr.decode()) == (2, True)


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
