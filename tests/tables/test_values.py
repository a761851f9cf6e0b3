import duckdb
import pytest

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
