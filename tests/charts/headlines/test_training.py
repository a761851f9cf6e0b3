"""What several courses of training are said to show."""

from typing import Any

import pytest

from embstore.charts.headlines.training import blocks, ceiling, maxima


def rows_of(*courses: dict[int, float], **given: object) -> list[dict[str, Any]]:
    known = {"scope": "all", "metric": "anisotropy", **given}
    return [
        {"series": f"m{i}", "step": step, "value": value, **known}
        for i, course in enumerate(courses)
        for step, value in course.items()
    ]


def said(*courses: dict[int, float], error: float | None = None) -> str | None:
    return maxima(rows_of(*courses, std_error=error), None)


def test_courses_that_all_come_down_again_are_not_said_to_be_higher_at_the_end() -> None:
    low, high = {0: 0.1, 64: 0.6, 512: 0.2}, {0: 0.1, 64: 0.8, 512: 0.3, 1024: 0.2}
    assert said(low, high) == (
        "The maximum of anisotropy rises, then falls in both courses, highest at step 64"
    )
    later = {0: 0.1, 64: 0.6, 1024: 0.9, 2048: 0.4}
    assert said(low, high, later) == (
        "The maximum of anisotropy rises, then falls in all 3 courses, "
        "highest between step 64 and 1,024"
    )


def test_where_one_only_rises_ends_are_compared_with_starts() -> None:
    up_and_down, up = {0: 0.1, 64: 0.8, 512: 0.2}, {0: 0.1, 512: 0.9}
    # A little above its end is no turn.
    level = {0: 0.1, 64: 0.8, 512: 0.79}
    for other in (up, level):
        assert said(up_and_down, other) == (
            "The maximum of anisotropy is clearly higher at the end of training than at its start "
            "in both courses"
        )


@pytest.mark.parametrize("error", [0.01, 0.05, None])
def test_what_errors_may_explain_is_no_turn(error: float | None) -> None:
    """A rise of 0.2 to a value of 1, and a fall of 0.15: clear where errors are known and small."""
    course = {0: 0.8, 64: 1.0, 512: 0.85}
    turned = "rises from 0.80 at step 0 to 1.00 at step 64, then falls to 0.85 at step 512"
    level = "does not clearly change (0.80 at step 0, 0.85 at step 512)"
    tells = turned if error == 0.01 else level
    assert said(course, error=error) == f"The maximum of anisotropy over the layers of m0 {tells}"
    layers = [row for n in (1, 2) for row in rows_of(course, layer=n, std_error=error)]
    assert blocks(layers, None) == f"The mean anisotropy over the blocks of m0 {tells}"


def test_without_errors_a_quarter_is_clear() -> None:
    found = said({0: 0.7, 64: 1.0})
    assert found == (
        "The maximum of anisotropy over the layers of m0 rises from 0.70 at step 0 to 1.00 at "
        "step 64"
    )
    assert "does not clearly change" in str(said({0: 0.8, 64: 1.0}))


def test_an_end_within_its_errors_is_not_called_higher() -> None:
    courses = {0: 0.5, 64: 0.9}, {0: 0.5, 64: 0.6}
    counted = "is clearly higher at the end of training than at its start in 1 of 2 courses"
    assert said(*courses, error=0.05) == f"The maximum of anisotropy {counted}"


def test_the_mean_has_no_error_where_a_layer_has_none() -> None:
    course = {0: 0.8, 64: 1.0}
    errors = ((1, 0.01), (2, None))
    layers = [row for n, error in errors for row in rows_of(course, layer=n, std_error=error)]
    assert "does not clearly change" in str(blocks(layers, None))


def test_the_dimension_above_the_ceiling_is_one_that_clearly_exceeds_it() -> None:
    clear = {"series": "a", "layer": 3, "value": 62.0, "ceiling": 60.0, "exceeds": "yes"}
    clear |= {"surely_value": 62.0, "surely_layer": 3}
    higher = clear | {"series": "b", "value": 75.0, "exceeds": "perhaps", "surely_value": None}
    assert ceiling([clear, higher]) == "The dimension exceeds 60: 62.0 (a, layer 3)"
    # The highest of one model perhaps exceeds it, and another layer surely does.
    both = clear | {"layer": 9, "value": 80.0}
    assert ceiling([both]) == "The dimension exceeds 60: 62.0 (a, layer 3)"
    assert ceiling([higher]) == (
        "It is open whether a dimension exceeds 60: the highest is 75.0 (b, layer 3)"
    )
