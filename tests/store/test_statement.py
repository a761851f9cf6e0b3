import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from embstore.errors import QueryError, UsageError
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.statement import TABLE_FUNCTIONS, statement_parameters
from embstore.store.writing import write_run
from tests.processes import finish, start
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A store with one run; nothing here can change it, as the tests show."""
    database = open_database(tmp_path_factory.mktemp("filled") / "embstore.duckdb")
    write_run(database, make_run())
    return database


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT 1 AS one", 1),
        ("SELECT metric FROM profile; -- done", 54),
        ("FROM profile WHERE scope = 'all'", 18),
        ("WITH x AS (SELECT DISTINCT layer FROM profile) SELECT * FROM x ORDER BY layer", 5),
        ("VALUES (1), (2)", 2),
        ("DESCRIBE profile", 33),
        # Tables, Alembic's among them, and views.
        ("SHOW TABLES", 39),
        ("SUMMARIZE SELECT value FROM profile", 1),
        ("PIVOT profile ON scope IN ('all', 'no_sinks') USING avg(value) GROUP BY layer", 5),
        ("SELECT unnest(eigenvalues) FROM spectrum WHERE scope = 'all'", 48),
        ("SELECT * FROM run, json_each(run.metric_versions)", 3),
        ("SELECT range FROM range(3)", 3),
        ("SELECT table_name FROM duckdb_tables() WHERE table_name = 'run'", 1),
        ("SELECT 'enable_logging()' AS text", 1),
        ("PRAGMA table_info('corpus')", 7),
        ("SELECT name FROM pragma_table_info('corpus') WHERE pk", 1),
        ("EXPLAIN (FORMAT json) SELECT 1", 1),
    ],
)
def test_questions_about_the_store_are_answered(filled: Database, sql: str, rows: int) -> None:
    assert filled.select_untrusted(sql).num_rows == rows


@pytest.mark.parametrize(
    "sql",
    [
        "EXPLAIN SELECT * FROM profile",
        "-- why?\nexplain SELECT count(*) FROM run;",
        "EXPLAIN (FORMAT text) SELECT 1",
        "EXPLAIN (SELECT 1)",
        "EXPLAIN DESCRIBE run",
    ],
)
def test_a_plan_has_a_row_for_each_line(filled: Database, sql: str) -> None:
    table = filled.select_untrusted(sql)
    assert table.column_names == ["plan"]
    first, *_, last = table["plan"].to_pylist()
    assert ("┌" in first, "└" in last) == (True, True)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("COPY run TO 'out.csv'", "found COPY"),
        ("ATTACH 'other.duckdb'", "found ATTACH"),
        ("INSTALL httpfs", "found LOAD"),
        ("LOAD httpfs", "found LOAD"),
        ("SET threads = 1", "found SET"),
        ("SET lock_configuration = false", "found SET"),
        ("CREATE TEMP TABLE x (i INTEGER)", "found CREATE"),
        ("INSERT INTO run SELECT * FROM run", "found INSERT"),
        ("DELETE FROM run", "found DELETE"),
        ("DROP TABLE run", "found DROP"),
        ("CALL enable_logging()", "found CALL"),
        ("EXPORT DATABASE 'out'", "found EXPORT"),
        ("EXPLAIN ANALYZE SELECT 1", "found EXPLAIN"),
        ("CHECKPOINT", "found CALL"),
        ("EXPLAIN ANALYZE INSERT INTO run SELECT * FROM run", "found EXPLAIN ANALYZE"),
        ("EXPLAIN /* ( */ analyse SELECT 1", "found EXPLAIN ANALYZE"),
        ("EXPLAIN INSERT INTO run SELECT * FROM run", "found INSERT"),
        ("EXPLAIN (FORMAT JSON) DROP TABLE run", "found DROP"),
        ("EXPLAIN CREATE TABLE x AS SELECT 1", "found CREATE"),
        ("EXPLAIN COPY run TO 'out.csv'", "found COPY"),
        ("EXPLAIN SET threads = 1", "found SET"),
        ("EXPLAIN SELECT * FROM enable_logging()", "enable_logging is not allowed"),
        ("EXPLAIN SELECT * FROM read_csv('file.csv')", "read_csv is not allowed"),
        ("EXPLAIN SELECT 1; DROP TABLE run", "expected one SQL statement, found 2"),
        ("EXPLAIN (FORMAT JSON, ANALYZE) SELECT 1", "syntax error"),
        ("PRAGMA database_size", "pragma_database_size is not allowed"),
        ("PRAGMA threads = 1", "found SET"),
        ("PRAGMA enable_profiling", "found PRAGMA"),
        ("PRAGMA storage_info('run')", "pragma_storage_info is not allowed"),
        ("PRAGMA table_info((SELECT filename FROM read_text('file.csv')))", "contain subqueries"),
        ("SELECT 1; SELECT 2", "expected one SQL statement, found 2"),
        ("SELECT 1; DROP TABLE run", "expected one SQL statement, found 2"),
        ("", "expected one SQL statement, found 0"),
        ("-- nothing", "expected one SQL statement, found 0"),
        ("PIVOT profile ON scope USING avg(value)", r"spelled out: ON column IN \(…\)"),
        ("SELECT * FROM pragma_database_size()", "pragma_database_size is not allowed"),
        ("SELECT * FROM duckdb_secrets()", "duckdb_secrets is not allowed"),
        ("SELECT * FROM query('SELECT 1')", "query is not allowed"),
        ("SELECT * FROM query_table('run')", "query_table is not allowed"),
        ("SELECT * FROM 'file.csv'", 'Cannot access file "file.csv"'),
        ("SELECT * FROM 'other.duckdb'", 'Cannot access file "other.duckdb"'),
        ("WITH x AS (INSERT INTO run VALUES (1)) SELECT 1", "CTE needs a SELECT"),
    ],
)
def test_everything_else_is_refused_in_one_line(
    filled: Database, sql: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.csv").write_text("a\n1\n")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(QueryError, match=message) as caught:
        filled.select_untrusted(sql)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before
    assert filled.select("SELECT * FROM run").num_rows == 1


@pytest.mark.parametrize("function", ["glob", "read_text", "read_csv", "read_parquet", "sniff_csv"])
def test_files_cannot_be_read(filled: Database, function: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with pytest.raises(QueryError, match=f"table function {function} is not allowed"):
        filled.select_untrusted(f"SELECT * FROM {function}($file)", {"file": str(secret)})
    # embstore's own queries run on the same locked connection.
    with pytest.raises(QueryError, match=r"Cannot access file|disabled"):
        filled.select(f"SELECT * FROM {function}('{secret}')")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {hole}",
        "WITH x AS MATERIALIZED (FROM {hole}) SELECT 1",
        "WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT 1 FROM {hole}) FROM x",
        "SELECT (SELECT count(*) FROM {hole})",
        "SELECT 1 WHERE EXISTS (FROM {hole})",
        "SELECT 1 UNION ALL SELECT 1 FROM {hole}",
        "SELECT * FROM run JOIN {hole} ON true",
        "SELECT * FROM run, LATERAL (SELECT * FROM {hole})",
        "SELECT 1 ORDER BY (SELECT 1 FROM {hole})",
        "SELECT 1 LIMIT (SELECT 1 FROM {hole})",
        "SELECT 1 GROUP BY (SELECT 1 FROM {hole})",
        "SELECT 1 FROM run QUALIFY (SELECT true FROM {hole})",
        "SELECT sum(1) OVER w FROM run WINDOW w AS (PARTITION BY (SELECT 1 FROM {hole}))",
        "SELECT sum(1) FILTER (WHERE (SELECT true FROM {hole})) FROM run",
        "SELECT list_transform([1], x -> (SELECT 1 FROM {hole}))",
        "SELECT * FROM range((SELECT 1 FROM {hole}))",
        "VALUES ((SELECT 1 FROM {hole}))",
        "DESCRIBE SELECT * FROM {hole}",
        "SUMMARIZE SELECT * FROM {hole}",
        "FROM (PIVOT (FROM {hole}) ON a IN (1) USING count(*))",
    ],
)
@pytest.mark.parametrize(
    "name", ["enable_logging", '"ENABLE_LOGGING"', "system.main.enable_logging"]
)
def test_the_logging_hole_is_found_wherever_it_hides(
    filled: Database, sql: str, name: str, tmp_path: Path
) -> None:
    hole = f"{name}(storage = 'file', storage_path = '{tmp_path / 'log'}')"
    with pytest.raises(QueryError, match="table function enable_logging is not allowed"):
        filled.select_untrusted(sql.format(hole=hole))
    assert not (tmp_path / "log").exists()


def test_nothing_allowed_reads_files_or_changes_settings() -> None:
    assert not any(
        word in name
        # Of PRAGMA only what tells a table's columns.
        for name in TABLE_FUNCTIONS - {"pragma_table_info"}
        for word in ("read", "scan", "glob", "log", "pragma", "query", "execute", "secret")
    )


def test_variables_of_the_program_are_out_of_reach(filled: Database) -> None:
    import pyarrow as pa

    hidden = pa.table({"a": [1]})
    assert hidden.num_rows == 1
    with pytest.raises(QueryError, match="Table with name hidden does not exist"):
        filled.select_untrusted("SELECT * FROM hidden")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT valu FROM profile", 'Referenced column "valu" not found.* bindings: .*"value"'),
        ("SELECT * FROM profil", 'Table with name profil does not exist! Did you mean "profile"'),
        ("SELECT 'a'::INTEGER", "Could not convert string 'a' to INT32"),
        ("SELECT length(1)", "No function matches .* Candidate functions"),
        ("SELECT " + "+".join("1" * 3000), "Max expression depth limit of 1000 exceeded"),
    ],
)
def test_mistakes_are_explained_in_one_line(filled: Database, sql: str, message: str) -> None:
    for ask in (filled.select, filled.select_untrusted):
        with pytest.raises(QueryError, match=message) as caught:
            ask(sql)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) <= 500


def test_sql_too_deep_to_check_is_refused(filled: Database) -> None:
    deep = "SELECT " + "NOT " * 900 + "true AS x"
    assert filled.select(deep)["x"].to_pylist() == [True]
    with pytest.raises(QueryError, match="nested too deeply to be checked: simplify it"):
        filled.select_untrusted(deep)


def test_quotes_and_zero_bytes_hide_nothing(filled: Database) -> None:
    assert filled.select_untrusted("SELECT 'it''s' AS x")["x"].to_pylist() == ["it's"]
    for hidden in ("'\0'", "1\0", "'') --'"):
        with pytest.raises(QueryError, match=r"unterminated quoted string|syntax error"):
            filled.select_untrusted(f"SELECT {hidden} FROM enable_logging()")


def test_parameters_are_bound_by_name(filled: Database) -> None:
    sql = "SELECT count(*) AS n FROM profile WHERE metric = $metric AND layer IN $layers"
    assert statement_parameters(sql) == {"metric", "layers"}
    found = filled.select_untrusted(sql, {"metric": "twonn", "layers": [0, 1]})
    assert found["n"].to_pylist() == [6]
    quoted = filled.select("SELECT $x AS x", {"x": "'; DROP TABLE run; --"})
    assert quoted["x"].to_pylist() == ["'; DROP TABLE run; --"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"a": 1}, r"^no value for b \(the statement's parameters: a, b\)$"),
        ({"a": 1, "b": 2, "c": 3}, r"^no parameter called c \(the statement's parameters: a, b\)$"),
        ({"c": 1}, r"^no value for a, b; no parameter called c \(the statement's"),
        (None, "^no value for a, b "),
    ],
)
def test_parameters_must_agree(
    filled: Database, params: dict[str, object] | None, message: str
) -> None:
    for ask in (filled.select, filled.select_untrusted):
        with pytest.raises(UsageError, match=message):
            ask("SELECT $a, $b", params)
    with pytest.raises(UsageError, match="parameters: none"):
        filled.select("SELECT 1", {"a": 1})


def test_unnamed_parameters_are_refused(filled: Database) -> None:
    with pytest.raises(UsageError, match=r"write \$name instead of \?"):
        filled.select_untrusted("SELECT ?", {"1": 1})


def test_parameters_of_broken_sql() -> None:
    with pytest.raises(QueryError, match="syntax error"):
        statement_parameters("SELECT $a FROM WHERE")
    with pytest.raises(QueryError, match="found 2"):
        statement_parameters("SELECT $a; SELECT $b")


def test_times_are_utc_wherever_the_machine_stands(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    moment = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    write_run(database, make_run(created_at=moment))
    found = database.select("SELECT created_at, created_at::VARCHAR AS text FROM latest_run")
    assert found["text"].to_pylist() == ["2026-11-02 09:30:00+00"]
    assert str(found.schema.field("created_at").type) == "timestamp[us, tz=UTC]"


INTERRUPTED = """
import signal, sys
from embstore.store.connection import open_database
from tests.endless import ENDLESS

# A child of a background process starts with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
database = open_database(sys.argv[1])
print("asking", flush=True)
try:
    database.select(ENDLESS)
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_ctrl_c_stops_a_long_query(filled: Database, seconds: float) -> None:
    process = start(INTERRUPTED, filled.path)
    assert process.stdout is not None
    assert process.stdout.readline() == "asking\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    assert finish(process) == "stopped\n"
