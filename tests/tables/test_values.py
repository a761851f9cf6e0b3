import duckdb
import pytest
from hypothesis import given, settings, strategies

from embstore.tables.values import plain_rows


@pytest.mark.parametrize(
    ("sql", "plain"),
    [
        ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1),
        ("(SELECT sum(x) FROM range(3) AS t(x))", 3),
        ("9223372036854775807", 2**63 - 1),
        ("18446744073709551615::UBIGINT", 2**64 - 1),
        ("1.50::DECIMAL(18, 2)", 1.5),
        ("0.12345678901234567890::DECIMAL(38, 20)", "0.12345678901234567890"),
        ("'2026-11-02 09:30:00+02'::TIMESTAMPTZ", "2026-11-02T07:30:00+00:00"),
        ("'2026-11-02 09:30:00'::TIMESTAMP", "2026-11-02T09:30:00"),
        ("'2026-11-02 09:30:00.123456789'::TIMESTAMP_NS", "2026-11-02T09:30:00.123456789"),
        ("'2026-11-02'::DATE", "2026-11-02"),
        ("'20000-01-01'::DATE", "20000-01-01"),
        ("'32768-01-01'::DATE", "32768-01-01"),
        ("'5881580-07-10'::DATE", "5881580-07-10"),
        ("'-40000-01-01'::DATE", "40001-01-01 (BC)"),
        ("'0044-03-15 (BC)'::DATE", "0044-03-15 (BC)"),
        ("'290000-02-29 10:00:00'::TIMESTAMP", "290000-02-29T10:00:00"),
        ("'290000-02-29 10:00:00.25'::TIMESTAMPTZ", "290000-02-29T10:00:00.250000+00:00"),
        ("'290000-02-29 23:59:59'::TIMESTAMP_S", "290000-02-29T23:59:59"),
        ("'290000-02-29 10:00:00.001'::TIMESTAMP_MS", "290000-02-29T10:00:00.001"),
        ("'40000-12-31 (BC) 10:00:00'::TIMESTAMP", "40000-12-31 (BC) 10:00:00"),
        (
            "['290000-01-01'::DATE, 'infinity', NULL, '2026-01-02']",
            ["290000-01-01", "infinity", None, "2026-01-02"],
        ),
        ("{'a': '290000-01-01'::TIMESTAMP}", {"a": "290000-01-01T00:00:00"}),
        ("MAP {DATE '290000-01-01': [DATE '290001-01-01']}", {"290000-01-01": ["290001-01-01"]}),
        ("'infinity'::TIMESTAMP", "infinity"),
        ("'-infinity'::DATE", "-infinity"),
        ("'09:30:00.5'::TIME", "09:30:00.500000"),
        ("INTERVAL '14 months 2 days 3.5 seconds'", "P14M2DT3.5S"),
        ("INTERVAL '0 days'", "PT0S"),
        ("[1, NULL]", [1, None]),
        ("[[0.5]]", [[0.5]]),
        ("{'a': 1, 'b': [DATE '2026-01-02']}", {"a": 1, "b": ["2026-01-02"]}),
        ("MAP {'a': 1}", {"a": 1}),
        ("NULL::MAP(VARCHAR, INTEGER)", None),
        ("'a'::ENUM('a', 'b')", "a"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("'\\xAA'::BLOB", "aa"),
        ("true", True),
        ("NULL", None),
    ],
)
def test_what_duckdb_has_keeps_its_value(sql: str, plain: object) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        table = connection.execute(f"SELECT {sql} AS x").to_arrow_table()
    ((found,),) = plain_rows(table)
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.slow
@settings(deadline=None)
@given(days=strategies.integers(2 - 2**31, 2**31 - 2))
def test_any_date_is_written_as_duckdb_writes_it(days: int) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "SELECT day, day::VARCHAR FROM (SELECT DATE '1970-01-01' + $n AS day)", {"n": days}
        )
        ((found, text),) = plain_rows(connection.to_arrow_table())
    assert found == text


# All that a TIMESTAMP holds but the first and last day, which DuckDB does not read with a zone.
@pytest.mark.slow
@settings(deadline=None)
@given(moment=strategies.integers(-9223372022300000000, 2**63 - 90_000_000_000))
def test_any_moment_is_written_so_that_duckdb_reads_it(moment: int) -> None:
    types = ("TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_MS", "TIMESTAMP_S")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for type_ in types:
            connection.execute(f"SELECT make_timestamp($n)::{type_} AS x", {"n": moment})
            ((text,),) = plain_rows(connection.to_arrow_table())
            connection.execute(
                f"SELECT $t::{type_} = make_timestamp($n)::{type_}", {"t": text, "n": moment}
            )
            assert connection.fetchone() == (True,), text


def test_a_moment_in_another_zone_keeps_it_where_python_has_a_place_for_it() -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Europe/Berlin'")
        connection.execute("SELECT TIMESTAMPTZ '2026-07-01 12:00:00+02' AS x")
        assert list(plain_rows(connection.to_arrow_table())) == [["2026-07-01T12:00:00+02:00"]]
        connection.execute("SELECT TIMESTAMPTZ '290000-07-01 12:00:00+02' AS x")
        assert list(plain_rows(connection.to_arrow_table())) == [["290000-07-01T10:00:00+00:00"]]
