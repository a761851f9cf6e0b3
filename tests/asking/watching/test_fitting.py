"""What a line and a screen have room for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embstore.asking.watching.fitting import GAP, Fit, Widths, fit, spread

COLUMNS = [Widths(10, 6), Widths(29, 6), Widths(5, 5)]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (None, Fit(3, 3, 20)),
        (200, Fit(3, 3, 40)),
        (80, Fit(3, 3, 11)),
        (73, Fit(3, 3, 8)),
        # First the sparkline of the last goes, then its number.
        (65, Fit(3, 2, 9)),
        (60, Fit(2, 2, 11)),
        (40, Fit(1, 1, 22)),
        (21, Fit(1, 0, 0)),
        (5, Fit(1, 0, 0)),
    ],
)
def test_what_does_not_fit_goes_from_the_right(width: int | None, expected: Fit) -> None:
    assert fit(9, COLUMNS, 100, width) == expected


def test_few_steps_take_few_blocks() -> None:
    assert fit(9, COLUMNS, 3, 200) == Fit(3, 3, 3)


@given(
    st.integers(1, 30),
    st.lists(st.builds(Widths, st.integers(1, 30), st.integers(1, 12)), min_size=1, max_size=8),
    st.integers(1, 100),
    st.integers(1, 300),
)
def test_a_line_is_never_wider_unless_one_number_is(
    label: int, columns: list[Widths], n_steps: int, width: int
) -> None:
    found = fit(label, columns, n_steps, width)
    sizes = [
        column.with_blocks(found.blocks if place < found.sparklines else 0)
        for place, column in enumerate(columns[: found.metrics])
    ]
    line = label + sum(GAP + size for size in sizes)
    assert line <= width or (found.metrics, found.sparklines) == (1, 0)
    assert found.blocks <= n_steps


@given(st.integers(1, 200), st.integers(1, 200))
def test_places_are_spread_evenly_with_both_ends(n: int, most: int) -> None:
    places = spread(n, most)
    assert len(places) == min(n, most)
    assert places == sorted(set(places))
    if len(places) > 1:
        assert (places[0], places[-1]) == (0, n - 1)
        gaps = {b - a for a, b in pairwise(places)}
        assert max(gaps) - min(gaps) <= 1
