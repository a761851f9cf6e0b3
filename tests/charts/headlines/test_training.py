"""What several courses of training are said to show."""

from embstore.charts.headlines.training import ceiling, maxima


def said(*courses: dict[int, float]) -> str | None:
    rows = [
        {"series": f"m{i}", "scope": "all", "step": step, "value": value, "metric": "anisotropy"}
        for i, course in enumerate(courses)
        for step, value in course.items()
    ]
    return maxima(rows, None)


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
            "The maximum of anisotropy is higher at the end of training than at its start "
            "in both courses"
        )


def test_the_dimension_above_the_ceiling_is_one_that_clearly_exceeds_it() -> None:
    clear = {"series": "a", "layer": 3, "value": 62.0, "ceiling": 60.0, "exceeds": "yes"}
    higher = clear | {"series": "b", "value": 75.0, "exceeds": "perhaps"}
    assert ceiling([clear, higher]) == "The dimension exceeds 60: 62.0 (a, layer 3)"
    assert ceiling([higher]) == (
        "It is open whether a dimension exceeds 60: the highest is 75.0 (b, layer 3)"
    )
