import io
from pathlib import Path

import pyarrow as pa
import pytest

from embstore.cli.output import choose_format, render, show_answer, write_table
from embstore.errors import EmbstoreError, UsageError
from embstore.tables.text import aligned, markdown


class TestTable:
    def test_numbers_line_up_with_one_number_of_decimals(self) -> None:
        lines = aligned(["v"], [[0.31], [0.99213], [None], [1e-19]])[0].splitlines()
        assert lines == ["     v", "──────", "0.3100", "0.9921", "     —", "0.0000"]

    def test_numbers_of_very_unequal_size_keep_their_digits(self) -> None:
        lines = aligned(["v"], [[12345.678], [0.00012]])[0].split()
        assert lines == ["v", "─────────", "12346", "0.0001200"]

    def test_what_rounding_has_left_over_is_nothing(self) -> None:
        lines = aligned(["v"], [[0.36], [6.9e-18], [2e-5]])[0].split()
        assert lines[2:] == ["0.3600", "0", "2.000e−05"]

    def test_a_ten_thousandth_keeps_the_point_where_it_is(self) -> None:
        lines = aligned(["v"], [[0.8893], [-0.0001747]])[0].split()
        assert lines[2:] == ["0.8893", "−0.0002"]

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
        content = io.BytesIO()
        assert render(table, "table", content, width=40) == ()
        assert content.getvalue().decode().splitlines()[2] == "third   1.500"
        two = pa.concat_tables([table, table])
        assert render(two, "table", io.BytesIO(), width=30) == ("second", "third")
        upright = io.BytesIO()
        render(two, "upright", upright, width=30)
        assert upright.getvalue().decode().count("third   1.500") == 2

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
            ("csv", "x.CSV", "csv"),
            ("CSV", None, "csv"),
            ("jsonl", "x.ndjson", "jsonl"),
            ("csv", "x.unknown", "csv"),
            ("parquet", "x", "parquet"),
            ("upright", "x.txt", "upright"),
            ("tsv", "x.txt", "tsv"),
            ("json", "-", "json"),
        ],
    )
    def test_asked_then_suffix_then_pipe(self, asked: str, file: str | None, chosen: str) -> None:
        assert choose_format(asked, Path(file) if file else None) == chosen

    @pytest.mark.parametrize(
        ("asked", "file", "message"),
        [
            (
                "parquet",
                "x.csv",
                "-f parquet contradicts the suffix of output file 'x.csv'; leave -f out for csv, "
                "or end the name in .parquet",
            ),
            ("jsonl", "x.json", "leave -f out for json, or end the name in .jsonl"),
            ("json", "x.jsonl", "leave -f out for jsonl, or end the name in .json"),
            ("upright", "x.md", "leave -f out for md, or end the name in .txt"),
            ("table", "x.TSV", "leave -f out for tsv, or end the name in .txt"),
            ("parquet", "x.txt", "leave -f out for table, or end the name in .parquet"),
        ],
    )
    def test_a_name_and_a_format_that_contradict(self, asked: str, file: str, message: str) -> None:
        with pytest.raises(UsageError) as refused:
            choose_format(asked, Path(file))
        assert str(refused.value).endswith(message)

    def test_unknown_names_the_known(self) -> None:
        with pytest.raises(
            UsageError, match="unknown format 'xml'; choose from auto, table, upright, csv"
        ):
            choose_format("xml", None)
        with pytest.raises(UsageError, match=r"suffix '\.xls'; expected \.csv, \.tsv"):
            choose_format("auto", Path("x.xls"))
        with pytest.raises(UsageError, match="no suffix"):
            choose_format("auto", Path("x"))


def test_a_file_appears_whole_or_the_error_names_it(tmp_path: Path) -> None:
    table = pa.table({"layer": [1, 2]})
    write_table(table, "csv", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "layer\n1\n2\n"
    with pytest.raises(EmbstoreError, match="no folder"):
        write_table(table, "csv", tmp_path / "nowhere" / "t.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


class TestAtAGlance:
    def test_one_column_too_many_is_one(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "10")
        table = pa.table({"first": ["a", "b"], "second": ["c", "d"]})
        show_answer(table, "table", None, for_people=True)
        assert capsys.readouterr().err.startswith(
            "1 more column does not fit this terminal: second; see it with"
        )

    def test_a_table_for_people_fits_a_pipe_too(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "60")
        table = pa.table({f"column_{i}": [0.5, 0.25] for i in range(30)})
        show_answer(table, "table", None, for_people=True)
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 60

    def test_names_of_columns_do_not_stand_above_nothing(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        table = pa.table({"first": pa.array([], pa.string())})
        show_answer(table, "table", None, for_people=True, empty="there is none")
        assert capsys.readouterr() == ("", "no rows: there is none\n")
        show_answer(table, "csv", None, empty="there is none")
        assert capsys.readouterr().out == "first\n"
