import json
import os
import subprocess
from pathlib import Path

import pytest

from embstore.errors import QueryError, UsageError
from tests.cli.running import command, ok, refused, run
from tests.endless import ENDLESS


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
