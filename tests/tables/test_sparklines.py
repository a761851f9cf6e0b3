import math

from hypothesis import given
from hypothesis import strategies as st

from embstore.tables.sparklines import ends_of, range_of, sparkline

NUMBERS = st.lists(st.none() | st.floats(-1e300, 1e300), max_size=120)


def test_the_highest_and_the_lowest_are_seen() -> None:
    assert sparkline([0.1, 0.5, 0.9, 0.1]) == "▁▅█▁"
    assert range_of([0.1, 0.5, None, 0.9]) == "0.1000 to 0.9000"


def test_lines_of_one_scale_compare() -> None:
    flat, high = [0.03, 0.09, 0.03], [0.1, 0.99, 0.1]
    ends = ends_of([flat, high, []])
    assert ends == (0.03, 0.99)
    assert sparkline(flat, ends=ends) == "▁▁▁"
    assert sparkline(high, ends=ends) == "▂█▂"
    assert ends_of([[None], []]) is None


def test_negative_numbers_have_a_true_minus() -> None:
    assert range_of([-2.0, 3.0]) == "−2.000 to 3.000"


def test_what_does_not_vary_is_flat() -> None:
    assert sparkline([0.7, 0.7]) == "▁▁"
    assert range_of([0.7, 0.7]) == "0.7000"


def test_what_is_missing_is_a_gap() -> None:
    assert sparkline([1.0, None, 2.0, math.nan, math.inf]) == "▁ █  "
    assert sparkline([None, math.nan]) == sparkline([]) == ""
    assert range_of([None]) == ""


def test_neighbours_share_a_block_where_there_are_many() -> None:
    assert sparkline([0.0, 2.0, 4.0, 6.0], most=2) == "▁█"
    assert sparkline([0.0, None, 4.0, 6.0], most=2) == "▁█"


@given(NUMBERS)
def test_one_block_for_each_number_at_most(values: list[float | None]) -> None:
    drawn = sparkline(values)
    assert len(drawn) in {0, min(len(values), 40)}
    assert set(drawn) <= set("▁▂▃▄▅▆▇█ ")
