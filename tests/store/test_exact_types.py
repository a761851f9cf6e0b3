"""Ad-hoc SQL gives every type of DuckDB as it is, or as DuckDB's own text."""

import re
from pathlib import Path

import duckdb
import pytest

from embstore.errors import QueryError
from embstore.store.database import Database
from embstore.tables.formats import write_parquet
from embstore.tables.values import plain_rows
from tests.stores import new_store


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(tmp_path_factory.mktemp("types") / "embstore.duckdb")


def answered(database: Database, expression: str) -> object:
    ((found,),) = plain_rows(database.select_untrusted(f"SELECT {expression} AS x"))
    return found


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("340282366920938463463374607431768211455::UHUGEINT", str(2**128 - 1)),
        ("NULL::UHUGEINT", None),
        ("('1' || repeat('0', 60))::BIGNUM", f"1{'0' * 60}"),
        ("'0101'::BIT", "0101"),
        ("'12:30:00+05'::TIMETZ", "12:30:00+05"),
        ("'24:00:00'::TIME", "24:00:00"),
        ("'12:30:00.123456789'::TIME_NS", "12:30:00.123456789"),
        ("'20000-01-01'::DATE", "20000-01-01"),
        ("'infinity'::TIMESTAMPTZ", "infinity"),
        ("'-infinity'::TIMESTAMP_NS", "-infinity"),
        ("'infinity'::TIMESTAMP_S", "infinity"),
        ("['290000-01-01'::TIMESTAMP_S]", ["290000-01-01T00:00:00"]),
        ("['infinity'::DATE, '2024-01-02'::DATE]", ["infinity", "2024-01-02"]),
        ("union_value(a := 1)", "1"),
        ("{'a': 1}::VARIANT", "{'a': 1}"),
        ("'POINT(1 2)'::GEOMETRY", "POINT (1 2)"),
        ("INTERVAL '1 month 2 days 3.5 seconds'", "P1M2DT3.5S"),
        ("[INTERVAL '1 day', NULL]", ["1 day", None]),
        ("[340282366920938463463374607431768211455::UHUGEINT, NULL]", [str(2**128 - 1), None]),
        ("[1::BIGNUM, 2]::BIGNUM[2]", ["1", "2"]),
        ("{'at': '12:30:00+05'::TIMETZ, 'n': 1}", {"at": "12:30:00+05", "n": 1}),
        ("""{'a "b"': {'c': '01'::BIT}}""", {'a "b"': {"c": "01"}}),
        ("MAP {'a': 1::BIGNUM}", {"a": "1"}),
        ("MAP {1::BIGNUM: [1]}", {"1": [1]}),
        ("row(1, 'a')", {"1": 1, "2": "a"}),
        ("row('01'::BIT, 'a')", "(01, a)"),
        ("MAP {'a': MAP {'b': [DATE '2024-01-02']}}", {"a": {"b": ["2024-01-02"]}}),
        ("MAP {[1, 2]: 'x'}", {"[1, 2]": "x"}),
        ("MAP {{'k': true}: NULL}", {'{"k": true}': None}),
        ("[MAP {'a': 1}, NULL, MAP {'b': 2, 'c': 3}]", [{"a": 1}, None, {"b": 2, "c": 3}]),
        ("{'m': MAP {'a': 'infinity'::DATE}, 'n': NULL}", {"m": {"a": "infinity"}, "n": None}),
    ],
)
def test_every_type_is_right_or_text(filled: Database, expression: str, value: object) -> None:
    assert answered(filled, expression) == value


def test_rows_keep_their_order_and_columns_their_names(filled: Database) -> None:
    sql = "SELECT i AS x, i::UHUGEINT AS x, 'ä;' AS y FROM range(5) t(i) ORDER BY i DESC; -- end;"
    table = filled.select_untrusted(sql)
    assert table.column_names == ["x", "x_1", "y"]
    assert table.to_pydict() == {
        "x": [4, 3, 2, 1, 0],
        "x_1": ["4", "3", "2", "1", "0"],
        "y": ["ä;"] * 5,
    }
    found = filled.select_untrusted("SELECT $n::UHUGEINT AS n", {"n": 3})
    assert found["n"].to_pylist() == ["3"]


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_interval_that_arrow_cannot_count_is_refused(filled: Database, sign: str) -> None:
    most = f"SELECT INTERVAL '{sign}2562047 hours' AS x"
    assert filled.select_untrusted(most).num_rows == 1
    with pytest.raises(QueryError, match=re.escape("cast it, as in column::VARCHAR")):
        filled.select_untrusted(f"SELECT INTERVAL '{sign}2562048 hours' AS x")


@pytest.mark.parametrize(
    "type_", ["DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_S", "TIMESTAMP_MS"]
)
def test_far_moments_and_infinity_are_the_same_in_parquet(
    filled: Database, tmp_path: Path, type_: str
) -> None:
    sql = f"SELECT unnest(['290000-01-01', 'infinity', '40000-01-01 (BC)'])::{type_} AS x"
    table = filled.select_untrusted(sql)
    file = tmp_path / "x.parquet"
    with file.open("wb") as sink:
        write_parquet(table, sink)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"SELECT (x::VARCHAR)[:12] FROM '{file}'").fetchall()
    assert found == [("290000-01-01",), ("infinity",), ("40000-01-01 ",)]
