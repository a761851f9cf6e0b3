"""Seeds of a group on a page: one line with its band, in words, and each of them by itself."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from embstore.report.write import build_report
from embstore.types import LayerKey
from tests.queries.of_seeds import NAMES, drawn, run
from tests.report.conftest import Open
from tests.report.visiting import choose, downloaded, ready, unfold
from tests.stores import new_store
from tests.synthetic import METRICS, make_run

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEPS = (1, 10, 100)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seeds at three steps, the last without step 100; and a model beside them."""
    runs = [
        run(name, step, metrics=METRICS)
        for name in NAMES[:3]
        for step in STEPS
        if (name, step) != (NAMES[2], 100)
    ]
    other = make_run(name="lab/other", revision="step10", step=10)
    database = new_store(tmp_path_factory.mktemp("seeds") / "seeds.duckdb", [*runs, other])
    found = database.path.with_suffix(".html")
    found.write_text(build_report(database).html, encoding="utf-8")
    return found


def spread(layer: int, step: int) -> list[float]:
    """Return median and both ends over the seeds that have a step, of NumPy."""
    key = LayerKey("decoder", layer, "block" if layer else "embedding")
    each = [
        drawn(name, step)("anisotropy", key, "all", 0.0)
        for name in NAMES[:3]
        if (name, step) != (NAMES[2], 100)
    ]
    numbers = np.array(each, dtype=np.float64)
    return [float(np.median(numbers)), float(numbers.min()), float(numbers.max())]


def labels(page: Page, section: str) -> list[str]:
    """Return what the marks of a section's line charts say."""
    marks = page.locator(f"#{section} svg.plot path.mark")
    return [str(label) for label in marks.evaluate_all("all => all.map(m => m.ariaLabel)")]


def test_a_group_opens_as_one_line_in_its_band(path: Path, visit: Open, tmp_path: Path) -> None:
    page = ready(visit(path))
    overview = page.locator("#overview")
    choose(page, "overview", "Tokens counted", "all tokens")
    expect(overview.locator("svg.plot .series")).to_have_count(2)
    expect(overview.locator("svg.plot .edge")).to_have_count(2)
    assert {label.split(",")[0] for label in labels(page, "overview")} == {
        "lab/all @ step 10 · 3 seeds",
        "lab/other @ step 10",
    }
    expect(overview.get_by_text("Bands are over seeds, not 95 % intervals.")).to_be_visible()
    said = (
        "Seeds of a group are drawn together (lab/all: 3 seeds): the median at equal layer and step"
    )
    expect(overview.get_by_text(said)).to_be_visible()
    table = unfold(page, "#overview .folds details:has-text('The numbers as a table')")
    rows = downloaded(page, table, tmp_path)
    group = [row for row in rows if row["model"] == "lab/all · seeds" and row["site"] == "block"]
    assert [row["n_seeds"] for row in group] == ["3"] * 4
    for row in group:
        numbers = [float(row[name]) for name in ("value", "seed_low", "seed_high")]
        assert numbers == pytest.approx(spread(int(row["layer"]), 10), abs=2e-4)
        assert row["ci_low"] == row["ci_high"] == ""
    alone = [row for row in rows if row["model"] == "lab/other"]
    assert {row["n_seeds"] for row in alone} == {""}


def test_a_checkpoint_has_the_seeds_that_came_to_it(path: Path, visit: Open) -> None:
    page = ready(visit(path))
    choose(page, "overview", "Tokens counted", "all tokens")
    choose(page, "overview", "Checkpoint", "Step 100")
    median, low, high = spread(2, 100)
    (mark,) = [label for label in labels(page, "overview") if "layer 2:" in label]
    assert mark.startswith("lab/all @ step 100 · 2 seeds, layer 2: ")
    assert "(median of 2 seeds, from " in mark
    shown = [float(part.strip("(),")) for part in mark.split() if part.strip("(),")[1:2] == "."]
    assert shown == pytest.approx([median, low, high], abs=6e-4)
    page.locator("#overview svg.plot path.mark").first.focus()
    panel = page.locator("#overview .provenance")
    expect(panel.get_by_text("Runs of the seeds")).to_be_visible()
    expect(panel.get_by_text("lab/s1 @ step 100")).to_be_visible()
    expect(panel.get_by_text("lab/s3 @ step")).to_have_count(0)


def test_each_seed_is_reached_by_itself(path: Path, visit: Open) -> None:
    page = ready(visit(path))
    choose(page, "overview", "Tokens counted", "all tokens")
    picker = unfold(page, "#overview details.boxes-of")
    expect(picker.locator("summary")).to_have_text("2 lines of 5")
    picker.get_by_label("lab/all · seeds").uncheck()
    for name in NAMES[:3]:
        picker.get_by_label(name, exact=True).check()
    expect(page.locator("#overview svg.plot .series")).to_have_count(4)
    expect(page.locator("#overview svg.plot .edge")).to_have_count(0)
    expect(page.locator("#overview").get_by_text("Seeds of a group are")).to_have_count(0)
    # A link shows the same.
    page.wait_for_url(lambda url: "s3" in url.partition("#")[2])
    again = ready(visit(path, fragment=page.url.split("#")[1]))
    expect(again.locator("#overview svg.plot .series")).to_have_count(4)


def test_a_training_of_a_group_has_a_band_for_some_blocks(path: Path, visit: Open) -> None:
    page = ready(visit(path))
    training = page.locator("#training")
    expect(training.get_by_label("Model", exact=True)).to_have_value("4")
    expect(training.locator("svg.plot").last.locator(".series")).to_have_count(4)
    expect(training.locator("svg.plot .edge")).to_have_count(2 * 4)
    expect(training.get_by_text("(lab/all: 2 to 3 seeds)")).to_be_visible()
    found = [label for label in labels(page, "training") if label.startswith("layer 3, step 10:")]
    (mark,) = found
    shown = [float(part.strip("(),")) for part in mark.split() if part.strip("(),")[1:2] == "."]
    assert shown == pytest.approx(spread(3, 10), abs=6e-4)
    choose(page, "training", "Model", "lab/s1")
    expect(training.locator("svg.plot .edge")).to_have_count(0)
    expect(training.get_by_text("The mean over the blocks goes from")).to_be_visible()


def test_the_checkpoints_of_a_group_are_medians(path: Path, visit: Open) -> None:
    page = ready(visit(path))
    choose(page, "checkpoints", "Tokens counted", "all tokens")
    marks = labels(page, "checkpoints")
    assert {label.split(",")[0] for label in marks} == {"lab/all @ step 100 · 2 seeds"}
    expect(page.locator("#checkpoints svg.plot .edge")).to_have_count(2)
