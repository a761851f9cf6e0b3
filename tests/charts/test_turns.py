"""Rings and words where courses turn."""

import pyarrow as pa

from embstore.charts.build import build_chart
from tests.charts.specifications import ask, channels, find, spec_of

CHART = "mark=line x=course_steps:Q:symlog y=value:Q color=state:N label=course_turns:N"


def sides(*peaks: tuple[int, float]) -> list[str]:
    """How the words of courses are aligned that are highest at these steps."""
    rows = []
    for i, (peak, value) in enumerate(peaks):
        for step, height, words in (
            (0, 6.0, ""),
            (1, 6.0, None),
            (peak, value, f"step {peak:,}"),
            (10**5, 6.0, ""),
        ):
            row = {"course_steps": step, "value": height, "course_turns": words}
            rows.append(row | {"state": f"m{i}"})
    spec = spec_of(build_chart(ask(CHART), pa.Table.from_pylist(rows)))
    texts = [m for m in find(spec, "mark") if isinstance(m, dict) and m["type"] == "text"]
    return [text["align"] for text in texts if "text" not in text]


def test_words_that_would_cover_each_other_stand_apart() -> None:
    assert sides((2000, 13.6), (16000, 13.5)) == ["right", "left"]
    assert sides((16000, 13.5), (2000, 13.6)) == ["left", "right"]


def test_words_far_from_each_other_stand_above_their_rings() -> None:
    assert sides((10, 13.6), (16000, 13.5)) == ["center"]
    assert sides((2000, 13.6), (16000, 9.0)) == ["center"]


def test_equal_words_at_one_place_stand_once_above_the_highest_ring() -> None:
    rows = [
        {"course_steps": step, "value": height, "course_turns": words, "state": name}
        for name, peak in (("low", 12.9), ("high", 13.6), ("far", 6.0))
        for step, height, words in ((0, 3.0, ""), (2000, peak, "step 2,000"), (10**5, 3.0, ""))
    ]
    spec = spec_of(build_chart(ask(CHART), pa.Table.from_pylist(rows)))
    (shown,) = [f["oneOf"] for f in find(spec, "filter") if isinstance(f, dict) and "oneOf" in f]
    assert shown == ["high", "far"]


def test_rings_are_explained_and_lie_within_the_axes() -> None:
    rows = [{"course_steps": s, "value": 6.0, "course_turns": "", "state": "m"} for s in (0, 10)]
    spec = spec_of(build_chart(ask(CHART), pa.Table.from_pylist(rows)))
    assert "Rings: where a course or its only move begins, turns and ends." in str(spec["title"])
    assert all(x["scale"]["padding"] > 0 for x in channels(spec, "x"))
