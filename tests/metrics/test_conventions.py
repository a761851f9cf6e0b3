import re
from pathlib import Path

import pytest
from scipy import stats

from embstore.metrics.conventions import LEVEL, LEVEL_IN_WORDS, errors_of_an_interval

ROOT = Path(__file__).parents[2]
SAID = re.compile(r"\d+ %(?= intervals?\b)")


@pytest.mark.parametrize("freedom", [1, 2.5, 15, 1e6])
def test_an_interval_reaches_as_far_as_students_t(freedom: float) -> None:
    expected = stats.t(freedom).interval(LEVEL)[1]
    assert errors_of_an_interval(freedom) == pytest.approx(expected, rel=1e-10)


def test_with_endless_windows_an_interval_is_that_of_the_normal_distribution() -> None:
    assert errors_of_an_interval(float("inf")) == pytest.approx(stats.norm.interval(LEVEL)[1])


def test_every_page_and_script_says_the_level_that_is_computed() -> None:
    places = [
        *ROOT.glob("queries/*.sql"),
        *ROOT.glob("docs/**/*.*ml"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("embstore/**/*.py"),
        *ROOT.glob("embstore/**/*.js"),
    ]
    said = {path: set(SAID.findall(path.read_text())) for path in places}
    assert set().union(*said.values()) == {LEVEL_IN_WORDS}, said
    assert said[ROOT / "embstore/report/page/scripts/lib/bands.js"]
