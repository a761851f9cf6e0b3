"""What stands above an answer, and which of its columns are shown first."""

from pathlib import Path

import pyarrow as pa

from embstore.asking.overview import overview
from embstore.asking.question import Question, parse_question

HEAD = "-- title: T\n-- doc: D\n"
LINE = "-- chart: mark=line x=$by:Q y=value:Q color=series:N dash=scope:N\n"
BY = "-- param by VARCHAR = 'depth' in ('depth', 'layer'): the axis\n"


def question(*lines: str) -> Question:
    return parse_question("".join((HEAD, *lines, "SELECT 1")), Path("q.sql"))


def profile(n: int = 3, *, series: tuple[str, ...] = ("a", "b")) -> pa.Table:
    rows = [
        {
            "series": name,
            "model": name,
            "metric": "twonn",
            "std_error": 0.1 * layer,
            "scope": "all",
            "layer": layer,
            "depth": layer / (n - 1),
            "value": float(layer * (1 if name == "a" else -1)),
        }
        for name in series
        for layer in range(n)
    ]
    return pa.Table.from_pylist(rows)


def test_the_answer_stands_first_and_what_all_rows_share_above() -> None:
    shown, above = overview(question(BY, LINE), {"by": "depth"}, profile(), 80)
    assert shown.column_names == ["series", "layer", "value", "std_error", "depth"]
    assert above == [
        "scope all · metric twonn",
        "a all  ▁▅█  0.000 to 2.000",
        "b all  █▅▁  −2.000 to 0.000",
    ]


def test_points_out_of_order_make_the_same_line() -> None:
    table = profile()
    _, above = overview(question(BY, LINE), {"by": "layer"}, table.take([2, 0, 1, 3, 5, 4]), 80)
    assert above[1:] == overview(question(BY, LINE), {"by": "layer"}, table, 80)[1][1:]


def test_more_lines_than_one_can_compare_are_not_drawn() -> None:
    table = profile(series=tuple(f"model {i}" for i in range(13)))
    _, above = overview(question(BY, LINE), {"by": "layer"}, table, 80)
    assert above == ["scope all · metric twonn"]


def test_along_anything_but_layers_depth_and_steps_no_line_is_drawn() -> None:
    asked = question("-- chart: mark=line x=std_error:Q y=value:Q color=series:N\n")
    assert overview(asked, {}, profile(), 80)[1] == ["metric twonn · scope all"]


def test_of_a_heat_map_the_colour_is_the_answer() -> None:
    asked = question(
        "-- chart: mark=rect x=layer:O y=metric:N color=value:Q facet=series:N rule=depth:Q\n"
    )
    shown, _ = overview(asked, {}, profile(), 80)
    assert shown.column_names[:3] == ["series", "layer", "value"]


def test_without_a_chart_the_columns_keep_their_order() -> None:
    shown, above = overview(question(), {}, profile(), 80)
    assert shown.column_names == ["series", "layer", "std_error", "depth", "value"]
    assert above == ["metric twonn · scope all"]


def test_a_long_list_of_numbers_becomes_a_picture_and_a_short_one_stays() -> None:
    table = pa.table(
        {"model": ["a", "b"], "profile": [[0.0, 1, 2, 3, 4], None], "two": [[1.0, 2], [2.0]]}
    )
    shown, _ = overview(question(), {}, table, 80)
    assert shown.column("profile").to_pylist() == ["▁▃▅▆█", ""]
    assert shown.column("two").to_pylist() == [[1.0, 2.0], [2.0]]


def test_an_empty_answer_is_shown_as_it_is() -> None:
    table = profile().slice(0, 0)
    assert overview(question(BY, LINE), {"by": "depth"}, table, 80) == (
        table.select(
            ["series", "scope", "layer", "value", "metric", "std_error", "depth", "model"]
        ),
        [],
    )
