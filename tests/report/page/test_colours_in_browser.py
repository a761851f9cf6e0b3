"""A model, a step or a layer has one colour: in every view of the page, and in the charts."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from embstore.asking.background import models_by_age
from embstore.charts.palette import _along_viridis, model_color
from embstore.charts.theme import DARK, LIGHT, Theme
from embstore.report.write import ReportOptions, build_report
from embstore.store.database import Database
from tests.report.conftest import Open
from tests.report.visiting import choose, ready
from tests.stores import new_store
from tests.synthetic import make_run

if TYPE_CHECKING:
    from playwright.sync_api import Locator

COLOURS = 21
CSS = Path(__file__).parents[3] / "embstore" / "report" / "page" / "report.css"


def hexadecimal(colour: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])


def drawn(lines: "Locator") -> list[str]:
    """Return the colours that lines have on the screen."""
    found = lines.evaluate_all("all => all.map(one => getComputedStyle(one).stroke)")
    return [hexadecimal(colour) for colour in found]


@pytest.mark.parametrize(("theme", "nth"), [(LIGHT, 0), (DARK, 1)])
def test_models_have_the_colours_of_the_charts(theme: Theme, nth: int) -> None:
    css = CSS.read_text(encoding="utf-8")
    for place in range(COLOURS):
        found = re.findall(rf"--c{place}: (#\w+);", css)
        assert len(found) == 2, place
        assert found[nth] == model_color(place, theme).lower(), place
    assert model_color(COLOURS, theme) == model_color(0, theme)


@pytest.fixture(scope="module")
def measured_backwards(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Ten models, the last by name measured first."""
    return new_store(
        tmp_path_factory.mktemp("aged") / "aged.duckdb",
        [
            make_run(
                name=f"lab/m{place}",
                n_layers=2,
                created_at=datetime(2026, 11, 20 - place, tzinfo=UTC),
                kind="encoder" if place % 2 else "decoder",
            )
            for place in range(10)
        ],
    )


@pytest.mark.parametrize("asked", [None, ["lab/m2", "lab/m7"]])
def test_a_models_colour_is_that_of_its_place_in_the_store(
    measured_backwards: Database, visit: Open, tmp_path: Path, asked: list[str] | None
) -> None:
    path = tmp_path / "report.html"
    report = build_report(measured_backwards, ReportOptions(models=asked))
    path.write_text(report.html, encoding="utf-8")
    page = ready(visit(path))
    page.locator("#profiles details.boxes-of > summary").click()
    page.locator("#profiles").get_by_role("button", name="Choose all models shown").click()
    choose(page, "profiles", "Tokens counted", "all tokens")
    ages = models_by_age(measured_backwards)
    shown = asked or [f"lab/m{place}" for place in range(10)]
    assert drawn(page.locator("#profiles g.series path.line")) == [
        model_color(ages.index(name), LIGHT).lower() for name in shown
    ]
    # A comparison has them too.
    assert drawn(page.locator("#compare g.series path.line")) == [
        model_color(ages.index(name), LIGHT).lower() for name in (shown[0], shown[1])
    ]


@pytest.mark.parametrize(("dark", "theme"), [(False, LIGHT), (True, DARK)])
def test_steps_run_through_the_colours_in_one_direction_everywhere(
    visit: Open, tmp_path: Path, dark: bool, theme: Theme
) -> None:
    names = [f"step{step}" for step in (0, 10, 100, 1000, 5000)]
    runs = [make_run(name="lab/a", revision=name, step=int(name[4:]), n_layers=2) for name in names]
    path = tmp_path / "report.html"
    path.write_text(build_report(new_store(tmp_path / "s.duckdb", runs)).html, encoding="utf-8")
    page = ready(visit(path, dark=dark))
    expected = [_along_viridis(names, theme)[name] for name in names]
    checkpoints = drawn(page.locator("#checkpoints .backdrop path.line"))
    assert checkpoints == expected
    compare = page.locator("#compare")
    assert drawn(compare.locator("g.series path.line")) == [expected[0], expected[-1]]
    # Of two that are next to each other the later has the later colour all the same.
    choose(page, "compare", "A: checkpoint", "step 1,000")
    assert drawn(compare.locator("g.series path.line")) == [expected[3], expected[4]]
    shapes = compare.locator("g.series").evaluate_all(
        "all => all.map(one => one.querySelector('.mark').getAttribute('d'))"
    )
    assert len(set(shapes)) == 2
