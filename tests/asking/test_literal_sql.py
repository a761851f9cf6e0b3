from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from embstore.asking.ask import bind, find_questions, values_in_sql
from embstore.asking.literal_sql import literal, portable_sql
from embstore.asking.parameters import ParameterValue
from embstore.asking.question import parse_question
from embstore.store.database import Database
from embstore.store.statement import statement_parameters
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, make_run


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(
        tmp_path_factory.mktemp("portable") / "embstore.duckdb",
        [
            make_run(name="lab/it's", metrics=ALL_METRICS),
            make_run(name="lab/encoder", kind="encoder", metrics=ALL_METRICS),
        ],
    )


def written(sql: str, types: str, values: Mapping[str, ParameterValue], name: str = "q") -> str:
    header = "\n".join(f"-- param {line}: x" for line in types.split(", ") if line)
    question = parse_question(f"-- title: t\n{header}\n{sql}", Path(f"{name}.sql"))
    return portable_sql(question, values)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(find_questions()))
def test_every_question_runs_in_plain_duckdb(database: Database, name: str) -> None:
    question = find_questions()[name]
    known = {parameter.name for parameter in question.parameters}
    asked = {"models": ["lab/it's"]} if "models" in known else {}
    values = values_in_sql(question, bind(question, asked), statement_parameters(question.sql))
    # What they are when bound.
    answer = database.select(question.sql, values)
    with duckdb.connect(str(database.path), read_only=True) as plain:
        plain.execute("SET TimeZone = 'UTC'")
        shown = plain.execute(portable_sql(question, values)).to_arrow_table()
    assert shown.to_pylist() == answer.to_pylist()
    assert shown.schema.types == answer.schema.types


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("it's $x -- 'quoted'\n\\", "VARCHAR"),
        (-1, "INTEGER"),
        (2**62, "BIGINT"),
        (-(2**63), "BIGINT"),
        (0.1, "DOUBLE"),
        (5e-324, "DOUBLE"),
        (-123456789.12345678, "DOUBLE"),
        (float("inf"), "DOUBLE"),
        (True, "BOOLEAN"),
        (date(2026, 2, 28), "DATE"),
        (datetime(2026, 2, 28, 9, 30, 0, 250), "TIMESTAMP"),
        (None, "DATE"),
        (None, "VARCHAR[]"),
        ([], "VARCHAR[]"),
        (["a'b", None, "c,d"], "VARCHAR[]"),
        ([1, -2, None], "INTEGER[]"),
        ([0.1, 1e300, float("-inf")], "DOUBLE[]"),
        ([date(2026, 1, 1), None], "DATE[]"),
        ([True, False], "BOOLEAN[]"),
    ],
)
def test_a_literal_is_the_value_with_its_type(value: ParameterValue, type_: str) -> None:
    with duckdb.connect() as plain:
        found = plain.execute(f"SELECT {literal(value, type_)} AS x, typeof(x)").fetchone()
        sql = written("SELECT $x, typeof($x)", f"x {type_}", {"x": value})
        assert plain.execute(sql).fetchone() == found
    assert found == (value, type_)


def test_a_time_zone_is_kept() -> None:
    moment = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
    with duckdb.connect() as plain:
        plain.execute("SET TimeZone = 'Asia/Tokyo'")
        shown = literal(moment, "TIMESTAMP")
        found = plain.execute(f"SELECT epoch({shown}), typeof({shown})").fetchone()
    assert found == (moment.timestamp(), "TIMESTAMP WITH TIME ZONE")


def test_minus_before_a_negative_number() -> None:
    with duckdb.connect() as plain:
        sql = written("SELECT 2-$n AS x", "n INTEGER", {"n": -1})
        assert plain.execute(sql).fetchone() == (3,)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '$x' AS a, $x AS b",
        "SELECT '$x' AS a -- $x and it's\n, $x AS b",
        "SELECT '$x' AS a /* $x /* ' */ $x */, $x AS b",
        "SELECT $t$$x$t$ AS a, $x AS b",
        "SELECT '$x' AS a, $x AS b;",
        "SELECT '$x' AS a, $x AS b; -- the end",
        "SELECT '$x' AS a, $x AS b -- the end",
    ],
)
def test_only_parameters_have_values(text: str) -> None:
    with duckdb.connect() as plain:
        assert plain.execute(written(text, "x INTEGER", {"x": 7})).fetchone() == ("$x", 7)


def test_names_that_are_keywords_or_odd() -> None:
    with duckdb.connect() as plain:
        values: dict[str, ParameterValue] = {"show": "it's", "order": 1}
        sql = written(
            "SELECT $show, $order", "show VARCHAR, order INTEGER", values, 'mine, "v2" 100 %'
        )
        assert plain.execute(sql).fetchone() == ("it's", 1)


def test_it_can_be_executed_again_with_other_values() -> None:
    with duckdb.connect() as plain:
        plain.execute(written("SELECT $x", "x VARCHAR[]", {"x": None}))
        again = plain.execute("EXECUTE q(x := ['a', 'é\n''b'])")
        assert again.fetchone() == (["a", "é\n'b"],)
