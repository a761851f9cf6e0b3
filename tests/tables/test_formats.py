"""What programs read back is what was there."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from embstore.cli.output import render, write_table

TABLE = pa.table(
    {
        "model": ["a|b", None],
        "layer": pa.array([1, 2], pa.int32()),
        "value": [0.1 + 0.2, None],
        "total": pa.array([Decimal(2**70), Decimal(1)], pa.decimal128(38, 0)),
        "when": pa.array(
            [datetime(2026, 11, 2, 9, 30, tzinfo=UTC), None], pa.timestamp("us", "UTC")
        ),
        "day": pa.array([date(2026, 11, 2), None]),
        "names": pa.array([["x", "y"], []]),
        "ok": [True, False],
    }
)


def text(format_: str, table: pa.Table = TABLE) -> str:
    sink = io.BytesIO()
    render(table, format_, sink)
    return sink.getvalue().decode()


def test_csv_keeps_full_precision_and_leaves_null_empty() -> None:
    first, second = csv.DictReader(io.StringIO(text("csv")))
    assert float(first["value"]) == 0.1 + 0.2
    assert first["total"] == str(2**70)
    assert first["when"] == "2026-11-02T09:30:00+00:00"
    assert first["names"] == '["x", "y"]'
    assert (second["model"], second["value"], second["ok"]) == ("", "", "false")


def test_tsv_separates_by_tabs() -> None:
    assert text("tsv").splitlines()[0] == "\t".join(TABLE.column_names)


def test_json_keeps_types_and_nulls() -> None:
    first, second = json.loads(text("json"))
    assert first["value"] == 0.1 + 0.2
    assert first["total"] == 2**70
    assert (first["names"], first["ok"], first["day"]) == (["x", "y"], True, "2026-11-02")
    assert second["model"] is None


def test_jsonl_has_one_object_a_line() -> None:
    lines = text("jsonl").splitlines()
    assert [json.loads(line)["layer"] for line in lines] == [1, 2]


def test_json_stays_json_with_nan_and_without_rows() -> None:
    table = pa.table({"x": [float("nan"), float("inf")]})
    assert json.loads(text("json", table)) == [{"x": None}, {"x": None}]
    assert json.loads(text("json", table.slice(0, 0))) == []


def test_decimals_keep_their_value() -> None:
    exact = Decimal("0.12345678901234567890")
    table = pa.table({"x": pa.array([Decimal("1.50000000000000000000"), exact])})
    assert json.loads(text("json", table)) == [{"x": 1.5}, {"x": str(exact)}]


def test_parquet_keeps_the_arrow_types(tmp_path: Path) -> None:
    write_table(TABLE, "parquet", tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").equals(TABLE)


def test_columns_of_one_name_stay_apart(tmp_path: Path) -> None:
    arrays = [pa.array([1]), pa.array([2]), pa.array([3])]
    table = pa.Table.from_arrays(arrays, names=["x", "x_1", "x"])
    assert text("csv", table) == "x,x_1,x\n1,2,3\n"
    apart = {"x": 1, "x_1": 2, "x_2": 3}
    assert json.loads(text("json", table)) == [apart]
    write_table(table, "parquet", tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").to_pylist() == [apart]


def test_parquet_keeps_what_duckdb_has(tmp_path: Path) -> None:
    sql = """
        SELECT sum(1) AS huge, 1.50::DECIMAL(18, 2) AS decimal, 1::BIGINT AS big,
            'nan'::DOUBLE AS nan, NULL::DOUBLE AS missing, [1.5, NULL]::DOUBLE[] AS list,
            '2026-11-02 09:30:00+00'::TIMESTAMPTZ AS zoned,
            '2026-11-02 09:30:00.123456789'::TIMESTAMP_NS AS exact,
            'a'::ENUM('a') AS enum, {'a': 1} AS struct, MAP {'k': 2} AS map
    """
    with duckdb.connect() as connection:
        table = connection.execute(sql).to_arrow_table()
    write_table(table, "parquet", tmp_path / "t.parquet")
    again = pq.read_table(tmp_path / "t.parquet")
    assert again.schema.equals(table.schema)
    assert again.drop_columns(["nan"]).equals(table.drop_columns(["nan"]))
    assert again["nan"].null_count == 0
    assert again["missing"].null_count == 1


def test_what_parquet_cannot_hold_is_text(tmp_path: Path) -> None:
    sql = "SELECT INTERVAL '1 day' AS i, [union_value(a := 1)] AS u, 1 AS x"
    with duckdb.connect() as connection:
        table = connection.execute(sql).to_arrow_table()
    write_table(table, "parquet", tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").to_pylist() == [{"i": "P1D", "u": "[1]", "x": 1}]
