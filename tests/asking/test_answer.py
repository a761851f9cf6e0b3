import copy
import pickle

import duckdb
import polars
import pyarrow as pa
import pytest

from embstore.asking.answer import Answer

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
