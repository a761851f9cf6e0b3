"""What stands above an answer, and which of its columns are shown first."""

from datetime import UTC, datetime
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
    shown, above, keep = overview(question(BY, LINE), {"by": "depth"}, profile(), 80)
    assert shown.column_names == ["series", "layer", "value", "std_error", "depth"]
    assert above == [
        "scope all · metric twonn",
        # On one scale.
        "a  ▅▆█  0.000 to 2.000",
        "b  ▅▃▁  −2.000 to 0.000",
    ]
    assert keep == ("series", "layer", "value")


def test_points_out_of_order_make_the_same_line() -> None:
    table = profile()
    _, above, _ = overview(question(BY, LINE), {"by": "layer"}, table.take([2, 0, 1, 3, 5, 4]), 80)
    assert above[1:] == overview(question(BY, LINE), {"by": "layer"}, table, 80)[1][1:]


def test_more_lines_than_one_can_compare_are_not_drawn() -> None:
    table = profile(series=tuple(f"model {i}" for i in range(13)))
    _, above, _ = overview(question(BY, LINE), {"by": "layer"}, table, 80)
    assert above == ["scope all · metric twonn"]


def test_along_anything_but_layers_depth_and_steps_no_line_is_drawn() -> None:
    asked = question("-- chart: mark=line x=std_error:Q y=value:Q color=series:N\n")
    assert overview(asked, {}, profile(), 80)[1] == ["metric twonn · scope all"]


def test_of_a_heat_map_the_colour_is_the_answer() -> None:
    asked = question(
        "-- chart: mark=rect x=layer:O y=metric:N color=value:Q facet=series:N rule=depth:Q\n"
    )
    shown, _, _ = overview(asked, {}, profile(), 80)
    assert shown.column_names[:3] == ["series", "layer", "value"]


def test_without_a_chart_the_columns_keep_their_order() -> None:
    shown, above, keep = overview(question(), {}, profile(), 80)
    assert keep == ()
    assert shown.column_names == ["series", "layer", "std_error", "depth", "value"]
    assert above == ["metric twonn · scope all"]


def test_a_long_list_of_numbers_becomes_a_picture_and_a_short_one_stays() -> None:
    table = pa.table(
        {"model": ["a", "b"], "profile": [[0.0, 1, 2, 3, 4], None], "two": [[1.0, 2], [2.0]]}
    )
    shown, above, _ = overview(question(), {}, table, 80)
    assert shown.column("profile").to_pylist() == ["▁▃▅▆█", ""]
    assert above == ["profile: blocks from 0.000 to 4.000"]
    assert shown.column("two").to_pylist() == [[1.0, 2.0], [2.0]]


def test_the_table_line_says_what_stands_first() -> None:
    asked = question(BY, LINE, "-- table: layer std_error series\n")
    shown, _, keep = overview(asked, {"by": "depth"}, profile(), 80)
    assert shown.column_names[:3] == ["layer", "std_error", "series"]
    assert keep == ("layer", "std_error", "series")


def test_moments_are_told_to_the_minute() -> None:
    moment = datetime(2026, 11, 2, 9, 30, 59, 7, tzinfo=UTC)
    table = pa.table({"model": ["a", "b"], "created_at": [moment, None]})
    shown, _, _ = overview(question(), {}, table, 80)
    assert shown.column("created_at").to_pylist() == ["2026-11-02 09:30Z", None]


def test_long_labels_of_lines_are_cut_part_by_part() -> None:
    series = tuple(f"laboratory/a-model-with-a-long-name-{name}" for name in ("one", "two"))
    table = profile(series=series).append_column(
        "measure", [[f"the {which} of all measures" for which in ("first", "second", "third") * 2]]
    )
    asked = question("-- chart: mark=line x=layer:Q y=value:Q color=series:N facet=measure:N\n")
    _, above, _ = overview(asked, {}, table, 60)
    lines = above[-6:]
    labels = {line[:30] for line in lines}
    assert len(labels) == 6
    assert max(map(len, lines)) <= 60


def test_a_line_has_fewer_blocks_before_its_name_is_cut() -> None:
    table = profile(40, series=("a-model-with-a-name", "another-model-with-one"))
    asked = question("-- chart: mark=line x=layer:Q y=value:Q color=series:N\n")
    _, above, _ = overview(asked, {}, table, 80)
    assert above[-2].startswith("a-model-with-a-name     ")
    assert above[-1].startswith("another-model-with-one  ")
    assert max(map(len, above)) <= 80
    narrow = overview(asked, {}, table, 60).above
    blocks = [set(line) & set("▁▂▃▄▅▆▇█") for line in narrow[-2:]]
    assert all(len(found) > 3 for found in blocks)


def test_an_empty_answer_is_shown_as_it_is() -> None:
    table = profile().slice(0, 0)
    shown, above, _ = overview(question(BY, LINE), {"by": "depth"}, table, 80)
    in_order = ["series", "scope", "layer", "value", "metric", "std_error", "depth", "model"]
    assert (shown, above) == (table.select(in_order), [])
