import pyarrow as pa
import pytest

from embstore.charts.build import build_chart
from embstore.errors import QueryError
from tests.charts.specifications import ask, find, spec_of

CHART = "mark=line x=steps:Q y=values:Q color=series:N label=turns:N"


def courses(**changed: object) -> pa.Table:
    columns = {
        "series": ["a", "b", "c"],
        "steps": [[0, 10, 100], [0, 5], None],
        "values": [[1.0, 3.0, 2.0], [4.0, 5.0], None],
        "turns": [[None, "step 10", None], ["", ""], None],
    }
    return pa.table({**columns, **changed})


def test_a_row_of_lists_is_a_line() -> None:
    spec = spec_of(build_chart(ask(CHART), courses()))
    datasets = find(spec, "datasets")[0]
    assert isinstance(datasets, dict)
    (rows,) = (rows for rows in datasets.values() if rows != [{}])
    assert [(row["series"], row["steps"], row["values"], row["turns"]) for row in rows] == [
        ("a", 0, 1.0, None),
        ("a", 10, 3.0, "step 10"),
        ("a", 100, 2.0, None),
        ("b", 0, 4.0, ""),
        ("b", 5, 5.0, ""),
    ]
    # A ring and words where there is a label.
    filters = [step["filter"] for steps in find(spec, "transform") for step in steps]  # type: ignore[attr-defined]
    assert filters == ["isValid(datum['turns'])"] * 2


def test_lists_of_unequal_lengths_are_refused() -> None:
    with pytest.raises(QueryError, match="steps, values, turns, which have unequal lengths"):
        build_chart(ask(CHART), courses(values=[[1.0], [4.0, 5.0], None]))


def test_lists_without_items_leave_nothing_to_draw() -> None:
    empty = courses().slice(2)
    with pytest.raises(QueryError, match="question q: no rows"):
        build_chart(ask(CHART), empty)


def test_names_without_a_number_in_a_heat_map_are_left_out() -> None:
    table = pa.table(
        {"layer": [0, 1] * 2, "metric": ["a", "a", "b", "b"], "errors": [1.0, None, None, None]}
    )
    chart = ask("mark=rect x=layer:O y=metric:N color=errors:Q")
    datasets = find(spec_of(build_chart(chart, table)), "datasets")[0]
    assert isinstance(datasets, dict)
    assert [row["metric"] for rows in datasets.values() for row in rows] == ["a", "a"]


def test_lines_without_a_value_are_in_no_legend_and_told_below() -> None:
    table = pa.table(
        {
            "series": ["decoders", "decoders", "decoders", "encoders"],
            "statistic": ["Spearman", "Spearman", "partial", "Spearman"],
            "layer": [0, 1, 1, 1],
            "correlation": [0.5, None, None, None],
        }
    )
    chart = ask("mark=line x=layer:Q y=correlation:Q color=series:N dash=statistic:N")
    spec = spec_of(build_chart(chart, table))
    datasets = find(spec, "datasets")[0]
    assert isinstance(datasets, dict)
    drawn = [row for rows in datasets.values() for row in rows if row]
    # A gap in a line stays.
    assert [(row["series"], row["correlation"]) for row in drawn] == [
        ("decoders", 0.5),
        ("decoders", None),
    ]
    assert "encoders" not in str([*find(spec, "domain"), *find(spec, "range")])
    below = str(find(spec, "description"))
    assert "No values, and so no line: encoders, partial." in below
    # Where nothing is left out nothing is said.
    whole = spec_of(build_chart(chart, table.slice(0, 2)))
    assert "so no line" not in str(whole)


def test_words_at_rings_are_for_few_lines() -> None:
    names = [f"m{i}" for i in range(4)]
    many = pa.table(
        {
            "series": names,
            "steps": [[0, 1]] * 4,
            "values": [[1.0, 2.0]] * 4,
            "turns": [["step 0", None]] * 4,
        }
    )
    few = spec_of(build_chart(ask(CHART), many.slice(0, 3)))
    assert {"field": "turns", "type": "nominal"} in find(few, "text")
    assert {"field": "turns", "type": "nominal"} not in find(
        spec_of(build_chart(ask(CHART), many)), "text"
    )
