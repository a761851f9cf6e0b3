"""A letter that does not fit its column is refused, and the one that fits is named."""

import duckdb
import pytest

from embstore.charts.build import build_chart
from embstore.errors import QueryError
from tests.charts.specifications import ask, find, spec_of

DATES = "DATE '2024-01-01' + i::INTEGER"
VALUES = {
    "dates": DATES,
    "moments": "TIMESTAMPTZ '2024-01-01 12:00:00+00'",
    "lists": "[i, 1]",
    "arrays": "[i, 1]::INTEGER[2]",
    "text": "'t' || i",
    "true and false": "i = 1",
    "times of day": "TIME '12:00:00'",
    "structs": "{'a': i}",
    "maps": "MAP {[i]: i}",
    "bytes": "'ab'::BLOB",
    "intervals": "INTERVAL (i) DAY",
}


def drawn(value: str, chart: str, n: int = 3) -> object:
    sql = f"SELECT {value} AS v, i AS n, 'a' || i AS name FROM range({n}) t(i)"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        table = connection.execute(sql).to_arrow_table()
    return spec_of(build_chart(ask(chart), table))


@pytest.mark.parametrize("key", ["x", "color"])
@pytest.mark.parametrize(
    ("value", "holds", "letter"),
    [
        ("dates", "dates", "T"),
        ("moments", "dates", "T"),
        ("lists", "lists", "N"),
        ("arrays", "lists", "N"),
        ("text", "text", "N"),
        ("true and false", "true and false", "N"),
        ("times of day", "times of day", "O"),
        ("structs", "values of type struct", "N"),
        ("maps", "values of type map", "N"),
        ("bytes", "values of type binary", "N"),
        ("intervals", "values of type month_day", "N"),
    ],
)
def test_a_quantity_needs_numbers(key: str, value: str, holds: str, letter: str) -> None:
    chart = {"x": "n:Q", "y": "n:Q", "color": "name:N"} | {key: "v:Q"}
    line = " ".join(f"{name}={column}" for name, column in chart.items())
    with pytest.raises(QueryError) as refused:
        drawn(VALUES[value], f"mark=point {line}")
    said = str(refused.value)
    assert f"the chart's {key} is v:Q, but the column holds {holds}" in said
    assert said.endswith(f"write {key}=v:{letter}")
    # What it names can be drawn.
    drawn(VALUES[value], f"mark=point {line.replace('v:Q', f'v:{letter}')}")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("i", "holds numbers: write x=v:Q"),
        ("[i]", "holds lists: write x=v:N"),
        ("'t' || i", "holds text that is no date: write x=v:N"),
        ("'infinity'::DATE", "no place for \\(infinity, or beyond the year 9999\\)"),
        ("'20000-01-01'::TIMESTAMP", "no place for"),
    ],
)
def test_a_time_needs_dates(value: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        drawn(value, "mark=point x=v:T y=n:Q")


def test_times_are_drawn() -> None:
    for value in (DATES, "'2024-01-0' || (i + 1)", "CASE WHEN i > 0 THEN DATE '2024-01-01' END"):
        drawn(value, "mark=line x=v:T y=n:Q")
    # As colours they are told apart, in their order.
    for key in ("color", "shape", "dash", "facet", "row", "detail"):
        spec = drawn(DATES, f"mark=line x=n:Q y=n:Q {key}=v:T")
        assert {"ordinal"} == {
            channel["type"]
            for name in ("color", "shape", "strokeDash", "column", "row", "detail")
            for channel in find(spec, name)
            if isinstance(channel, dict) and channel.get("field") == "v"
        }


def test_a_column_may_be_drawn_twice() -> None:
    drawn("i", "mark=point x=v:Q y=v:Q color=v:N")


@pytest.mark.parametrize(
    ("mark", "most"), [("line x=n:Q y=n:Q", 42), ("point x=n:Q y=n:Q", 42), ("bar x=n:Q y=n:O", 7)]
)
def test_more_series_than_looks_are_told(mark: str, most: int) -> None:
    drawn("i", f"mark={mark} color=name:N", n=most)
    with pytest.warns(UserWarning, match=f"^{most + 1} series share {most} looks.* in the SQL$"):
        drawn("i", f"mark={mark} color=name:N", n=most + 1)
    # Where something else names them, nothing is hidden.
    drawn("i", "mark=point x=n:Q y=name:N color=name:N", n=50)
