import copy
import pickle
import sys
from datetime import date

import duckdb
import pandas
import polars
import pyarrow as pa
import pytest

from embstore.asking.answer import Answer
from embstore.errors import UsageError

ANSWER = Answer(
    pa.table({"model": ["a<b>", "c"], "layer": [0, 1], "value": [0.25, None]}), ["mind <this>"]
)


def test_reads_like_its_arrow_table() -> None:
    assert (ANSWER.num_rows, len(ANSWER)) == (2, 2)
    assert ANSWER.column_names == ["model", "layer", "value"]
    assert ANSWER["layer"].to_pylist() == ANSWER.column(1).to_pylist() == [0, 1]
    assert ANSWER.to_pylist()[1] == {"model": "c", "layer": 1, "value": None}
    assert ANSWER.schema == ANSWER.table.schema
    assert ANSWER.select(["layer"]).num_columns == 1
    assert list(ANSWER.to_pandas().columns) == ANSWER.column_names
    assert "group_by" in dir(ANSWER)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ANSWER.nonsense


def test_other_libraries_take_it() -> None:
    assert pa.table(ANSWER).equals(ANSWER.table)
    with duckdb.connect() as connection:
        connection.register("answer", ANSWER.table)
        assert connection.execute("SELECT sum(layer) FROM answer").fetchone() == (1,)
    assert polars.DataFrame(ANSWER).shape == (2, 3)
    assert ANSWER.to_polars().equals(polars.DataFrame(ANSWER))
    assert pandas.DataFrame(ANSWER).equals(ANSWER.to_pandas())
    assert [row["layer"] for row in ANSWER] == [0, 1]


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_missing_library_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        UsageError, match=f"^{package} is not installed; run: pip install {package}$"
    ):
        getattr(ANSWER, f"to_{package}")()


def test_far_moments_are_text_in_other_libraries_too() -> None:
    with duckdb.connect() as connection:
        sql = "SELECT DATE '20000-01-01' AS day UNION ALL SELECT DATE '2026-11-02'"
        answer = Answer(connection.execute(sql).to_arrow_table())
    assert answer.to_polars()["day"].to_list() == ["20000-01-01", "2026-11-02"]
    assert list(answer.to_pandas()["day"]) == ["20000-01-01", "2026-11-02"]


def test_copies_and_pickles() -> None:
    for again in (copy.deepcopy(ANSWER), pickle.loads(pickle.dumps(ANSWER))):
        assert again.table.equals(ANSWER.table)
        assert again.notes == ANSWER.notes


def test_shows_its_rows_and_notes() -> None:
    assert repr(ANSWER).splitlines() == [
        "model  layer   value",
        "─────  ─────  ──────",
        "a<b>       0  0.2500",
        "c          1       —",
        "note: mind <this>",
    ]


def test_a_long_or_wide_answer_says_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    long = Answer(pa.table({f"a_long_name_{i}": list(range(1041)) for i in range(5)}))
    *_, rows, columns = repr(long).splitlines()
    assert rows == "and 1,001 more rows"
    assert columns == "and 3 more columns: a_long_name_2, a_long_name_3, a_long_name_4"
    assert "<p>and 1,001 more rows</p>" in long._repr_html_()


def test_a_notebook_gets_an_escaped_table() -> None:
    shown = ANSWER._repr_html_()
    assert '<td style="text-align:left">a&lt;b&gt;</td>' in shown
    assert '<td style="text-align:right">0.2500</td>' in shown
    assert shown.endswith("<p>note: mind &lt;this&gt;</p>")


def test_warns_of_dimensions_that_fall_short() -> None:
    high = Answer(pa.table({"metric": ["mle"], "value": [30.0]}))
    assert high.notes[0].startswith("Dimensions above about 20 are underestimated (mle)")
    assert Answer(pa.table({"metric": ["mle"], "value": [3.0]})).notes == ()


def test_columns_of_one_name_survive_in_python() -> None:
    arrays = [pa.array([1]), pa.array([2]), pa.array([3])]
    answer = Answer(pa.Table.from_arrays(arrays, names=["x", "y", "x"]))
    assert answer.to_pylist() == [{"x": 1, "y": 2, "x_1": 3}]
    assert answer.to_pandas().to_dict("list") == {"x": [1], "y": [2], "x_1": [3]}
    assert answer["x_1"].to_pylist() == [3]
    assert polars.DataFrame(answer).columns == ["x", "y", "x_1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'infinity'::DATE", "infinity"),
        ("'20000-01-01'::DATE", "20000-01-01"),
        ("'-infinity'::TIMESTAMP", "-infinity"),
        ("'infinity'::TIMESTAMPTZ", "infinity"),
        ("'20000-01-01'::TIMESTAMP", "20000-01-01T00:00:00"),
        ("'24:00:00'::TIME", "24:00:00"),
        ("'12:00:00.123456789'::TIME_NS", "12:00:00.123456789"),
        ("['infinity'::TIMESTAMP]", ["infinity"]),
        ("{'a': DATE '20000-01-01'}", {"a": "20000-01-01"}),
        ("'290000-01-01'::DATE", "290000-01-01"),
        ("'-40000-01-01'::TIMESTAMP", "40001-01-01 (BC) 00:00:00"),
        ("[DATE '290000-01-01']", ["290000-01-01"]),
    ],
)
def test_moments_that_python_cannot_hold_are_text(value: str, text: object) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        answer = Answer(connection.execute(f"SELECT {value} AS x, 1 AS n").to_arrow_table())
    assert answer.to_pylist() == [{"x": text, "n": 1}]
    assert next(iter(answer.to_pandas()["x"])) == text


def test_moments_that_python_has_stay_moments() -> None:
    with duckdb.connect() as connection:
        table = connection.execute("SELECT DATE '2024-01-02' AS day").to_arrow_table()
    assert Answer(table).to_pylist() == [{"day": date(2024, 1, 2)}]


def test_an_answer_without_rows_says_why() -> None:
    rows = pa.table({"value": pa.array([], pa.float64())})
    answer = Answer(rows, why_empty="the store holds no <runs>")
    assert repr(answer).endswith("no rows: the store holds no <runs>")
    assert "no rows: the store holds no &lt;runs&gt;" in answer._repr_html_()
    assert Answer(pa.table({"value": [1.0]}), why_empty="of no use").why_empty == ""
