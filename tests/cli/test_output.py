import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embstore.cli.output import choose_format, render, write_table
from embstore.errors import EmbstoreError, QueryError, UsageError
from embstore.layout import aligned, markdown

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
    return render(table, format_)[0].decode()


class TestMachineFormats:
    def test_csv_keeps_full_precision_and_leaves_null_empty(self) -> None:
        first, second = csv.DictReader(io.StringIO(text("csv")))
        assert float(first["value"]) == 0.1 + 0.2
        assert first["total"] == str(2**70)
        assert first["when"] == "2026-11-02T09:30:00+00:00"
        assert first["names"] == '["x", "y"]'
        assert (second["model"], second["value"], second["ok"]) == ("", "", "false")

    def test_tsv_separates_by_tabs(self) -> None:
        assert text("tsv").splitlines()[0] == "\t".join(TABLE.column_names)

    def test_json_keeps_types_and_nulls(self) -> None:
        first, second = json.loads(text("json"))
        assert first["value"] == 0.1 + 0.2
        assert first["total"] == 2**70
        assert (first["names"], first["ok"], first["day"]) == (["x", "y"], True, "2026-11-02")
        assert second["model"] is None

    def test_jsonl_has_one_object_a_line(self) -> None:
        lines = text("jsonl").splitlines()
        assert [json.loads(line)["layer"] for line in lines] == [1, 2]

    def test_json_stays_json_with_nan_and_without_rows(self) -> None:
        table = pa.table({"x": [float("nan"), float("inf")]})
        assert json.loads(text("json", table)) == [{"x": None}, {"x": None}]
        assert json.loads(text("json", table.slice(0, 0))) == []

    def test_decimals_keep_their_value(self) -> None:
        exact = Decimal("0.12345678901234567890")
        table = pa.table({"x": pa.array([Decimal("1.50000000000000000000"), exact])})
        assert json.loads(text("json", table)) == [{"x": 1.5}, {"x": str(exact)}]

    def test_parquet_keeps_the_arrow_types(self, tmp_path: Path) -> None:
        write_table(TABLE, "parquet", tmp_path / "t.parquet")
        assert pq.read_table(tmp_path / "t.parquet").equals(TABLE)

    def test_columns_of_one_name_stay_apart(self, tmp_path: Path) -> None:
        arrays = [pa.array([1]), pa.array([2]), pa.array([3])]
        table = pa.Table.from_arrays(arrays, names=["x", "x_1", "x"])
        assert text("csv", table) == "x,x_1,x\n1,2,3\n"
        apart = {"x": 1, "x_1": 2, "x_2": 3}
        assert json.loads(text("json", table)) == [apart]
        write_table(table, "parquet", tmp_path / "t.parquet")
        assert pq.read_table(tmp_path / "t.parquet").to_pylist() == [apart]

    def test_parquet_keeps_what_duckdb_has(self, tmp_path: Path) -> None:
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

    def test_what_parquet_cannot_hold_is_named(self, tmp_path: Path) -> None:
        with duckdb.connect() as connection:
            table = connection.execute("SELECT INTERVAL '1 day' AS i, 1 AS x").to_arrow_table()
        with pytest.raises(QueryError, match=r"column 'i' .* cast it in the SQL, as in column::V"):
            write_table(table, "parquet", tmp_path / "t.parquet")
        assert not list(tmp_path.iterdir())


class TestTable:
    def test_numbers_line_up_with_one_number_of_decimals(self) -> None:
        lines = aligned(["v"], [[0.31], [0.99213], [None], [1e-19]])[0].splitlines()
        assert lines == ["     v", "──────", "0.3100", "0.9921", "     —", "0.0000"]

    def test_numbers_of_very_unequal_size_keep_their_digits(self) -> None:
        lines = aligned(["v"], [[12345.678], [0.00012]])[0].split()
        assert lines == ["v", "─────────", "12346", "0.0001200"]

    def test_columns_that_do_not_fit_are_named(self) -> None:
        names = ["model", "first", "second", "third"]
        rows = [["x" * 60, 1.23456, 7, 8]]
        shown, hidden = aligned(names, rows, width=40)
        assert hidden == ("third",)
        assert max(map(len, shown.splitlines())) <= 40
        assert "1.235" in shown
        assert "…" in shown
        assert aligned(names, rows)[1] == ()

    def test_one_row_that_does_not_fit_is_shown_upright(self) -> None:
        table = pa.table({"first": ["x" * 20], "second": ["y" * 20], "third": [1.5]})
        content, hidden = render(table, "table", width=40)
        assert hidden == ()
        assert content.decode().splitlines()[2] == "third   1.500"
        two = pa.concat_tables([table, table])
        assert render(two, "table", width=30)[1] == ("second", "third")
        assert render(two, "upright", width=30)[0].decode().count("third   1.500") == 2

    def test_wide_characters_count_double(self) -> None:
        lines = aligned(["模型", "n"], [["模", 1]])[0].splitlines()
        assert lines == ["模型  n", "────  ─", "模    1"]

    def test_control_characters_do_not_reach_the_terminal(self) -> None:
        shown = aligned(["model\x1b[31m"], [["a\x1b]0;owned\x07\nb"]])[0]
        assert "\x1b" not in shown
        assert "a\\x1b]0;owned\\x07\\nb" in shown

    def test_upright_shows_one_value_a_line(self) -> None:
        shown = aligned(["store", "models"], [["s", ["a", "b"]]], upright=True)[0]
        assert shown == "store   s\nmodels  a, b\n"

    def test_markdown_escapes_and_aligns(self) -> None:
        assert markdown(["m", "v"], [["a|b<i>", 1]]) == (
            "| m | v |\n| --- | ---: |\n| a\\|b&lt;i&gt; | 1 |\n"
        )

    def test_no_rows_still_shows_the_columns(self) -> None:
        assert aligned(["a", "b"], [])[0] == "a  b\n─  ─\n"


class TestChoice:
    @pytest.mark.parametrize(
        ("asked", "file", "chosen"),
        [
            ("auto", None, "csv"),
            ("json", None, "json"),
            ("auto", "x.PARQUET", "parquet"),
            ("auto", "x.ndjson", "jsonl"),
            ("md", "x.csv", "md"),
            ("csv", "x.unknown", "csv"),
        ],
    )
    def test_asked_then_suffix_then_pipe(self, asked: str, file: str | None, chosen: str) -> None:
        assert choose_format(asked, Path(file) if file else None) == chosen

    def test_unknown_names_the_known(self) -> None:
        with pytest.raises(
            UsageError, match="format 'xml' is unknown; expected auto, table, upright, csv"
        ):
            choose_format("xml", None)
        with pytest.raises(UsageError, match=r"suffix '\.xls'; expected \.csv, \.tsv"):
            choose_format("auto", Path("x.xls"))
        with pytest.raises(UsageError, match="no suffix"):
            choose_format("auto", Path("x"))


def test_a_file_appears_whole_or_the_error_names_it(tmp_path: Path) -> None:
    write_table(TABLE, "csv", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == text("csv")
    with pytest.raises(EmbstoreError, match="no folder"):
        write_table(TABLE, "csv", tmp_path / "nowhere" / "t.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
