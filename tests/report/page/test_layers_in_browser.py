"""Spectra, dimensions by scale and massive activations, as a reader sees them."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from embstore.report.write import build_report
from embstore.store.database import Database
from embstore.store.writing import write_run
from tests.report.conftest import Open
from tests.report.hostile import SCRIPT
from tests.report.visiting import choose, downloaded, ready, serious_violations, slide, unfold
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, make_run

if TYPE_CHECKING:
    from playwright.sync_api import Page

PEAKED = "lab/peaked"
BARE = "lab/bare"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Two checkpoints of a wide model, an encoder-decoder, and a model without any lines."""
    database = new_store(tmp_path_factory.mktemp("lines") / "store.duckdb")
    for step in (1, 2):
        run = make_run(
            name=PEAKED, revision=f"step{step}", step=step, hidden_size=96, metrics=ALL_METRICS
        )
        massive = tuple(replace(one, token=f"{SCRIPT}\n") for one in run.measured.massive)
        write_run(database, replace(run, measured=replace(run.measured, massive=massive)))
    write_run(database, make_run(name="lab/two", kind="encoder-decoder"))
    run = make_run(name=BARE)
    bare = replace(run.measured, spectra=(), curves=(), massive=())
    write_run(database, replace(run, measured=bare))
    return database


@pytest.fixture(scope="module")
def page_of_lines(store: Database) -> Path:
    path = store.path.with_name("lines.html")
    path.write_text(build_report(store).html, encoding="utf-8")
    return path


def table_of(page: "Page", section: str, folder: Path) -> list[dict[str, str]]:
    return downloaded(page, unfold(page, f"#{section} details.numbers"), folder)


def test_a_spectrum_is_the_stores(
    page_of_lines: Path, store: Database, visit: Open, tmp_path: Path
) -> None:
    page = ready(visit(page_of_lines))
    choose(page, "spectra", "Model", PEAKED)
    spectra = page.locator("#spectra")
    assert "lab/peaked @ step 2: share of the variance by rank" in (
        spectra.locator("figcaption").inner_text()
    )
    # Blocks 1 to 4; the middle one stands out.
    assert spectra.locator("g.series").count() == 4
    assert "0.95 in layer 2" in spectra.locator(".title").inner_text()
    rows = table_of(page, "spectra", tmp_path)
    stored = store.select(
        "SELECT layer, eigenvalues, trace, run_id FROM spectrum JOIN run USING (run_id) "
        "JOIN checkpoint USING (checkpoint_id) WHERE step = 2 AND scope = 'all'"
    ).to_pylist()
    spectrum = {row["layer"]: row for row in stored}
    assert {row["layer"] for row in rows} == {"1", "2", "3", "4"}
    assert {"1", "96"} < {row["rank"] for row in rows}
    for row in rows:
        found = spectrum[int(row["layer"])]
        eigenvalue = found["eigenvalues"][int(row["rank"]) - 1]
        assert float(row["share"]) == pytest.approx(eigenvalue / found["trace"], rel=1e-3)
        assert float(row["eigenvalue"]) == pytest.approx(eigenvalue, rel=1e-3)
        assert row["run_id"] == found["run_id"]


def test_a_mark_of_a_spectrum_tells_its_rank_and_run(page_of_lines: Path, visit: Open) -> None:
    page = ready(visit(page_of_lines))
    choose(page, "spectra", "Model", PEAKED)
    choose(page, "spectra", "Tokens counted", "without attention sinks")
    page.locator("#spectra path.mark").first.focus()
    page.keyboard.press("ArrowRight")
    label = page.locator("#spectra path.mark:focus").get_attribute("aria-label")
    assert label is not None
    assert label.startswith("layer 1, rank 2 of 96: 0.00")
    told = page.locator("#spectra .provenance").inner_text()
    assert "without attention sinks" in told
    assert "lab/peaked @ step 2" in told
    assert "rank 2 of 96" in told


def test_layers_are_chosen_as_a_range(page_of_lines: Path, visit: Open) -> None:
    page = ready(visit(page_of_lines))
    choose(page, "scales", "Model", "lab/two")
    scales = page.locator("#scales")
    # Both stacks at even distances, from the first block to the last.
    assert set(scales.locator(".plot .label").all_text_contents()) == {
        *("encoder layer 1", "encoder layer 3", "decoder embedding"),
        *("decoder layer 2", "decoder layer 4"),
    }
    assert scales.locator("g.series").count() == 5
    slide(page, "scales", "From layer", 10)
    # What ends before it begins is moved along.
    slide(page, "scales", "From layer", 10)
    assert scales.get_by_label("To layer").get_attribute("aria-valuetext") == (
        "decoder layer 4 after the final norm"
    )
    assert scales.locator("g.series").count() == 1
    expect(page.locator("#live")).to_have_text("1 layer chosen.")
    slide(page, "scales", "From layer", 5)
    scales.get_by_label("Every", exact=True).select_option(label="layer")
    assert scales.locator("g.series").count() == 6
    # Lines go from the dark end of viridis to the bright one, as the layers do.
    colours = scales.locator("g.series").evaluate_all(
        "all => all.map(one => one.style.getPropertyValue('--by-day'))"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour))) for colour in colours]
    assert brightness == sorted(brightness)
    assert len(set(colours)) == 6
    # What the store lacks is said, and its layers can be chosen all the same.
    choose(page, "scales", "Model", BARE)
    assert "Nothing was measured" in scales.locator(".empty").inner_text()
    choose(page, "massive", "Model", BARE)
    assert "Nothing was measured" in page.locator("#massive .chart .empty").inner_text()


def test_dimensions_by_scale_have_bands_and_two_axes(
    page_of_lines: Path, store: Database, visit: Open, tmp_path: Path
) -> None:
    page = ready(visit(page_of_lines))
    choose(page, "scales", "Model", PEAKED)
    scales = page.locator("#scales")
    assert scales.locator("path.band").count() == 4
    assert "Mean distance" in scales.locator(".x-title").inner_html()
    choose(page, "scales", "Across", "rank of the neighbour")
    assert "Rank k" in scales.locator(".x-title").inner_html()
    rows = table_of(page, "scales", tmp_path)
    stored = store.select(
        "SELECT * FROM curve_profile WHERE step = 2 AND scope = 'all' AND site = 'block'"
    ).to_pylist()
    curve = {(row["layer"], row["rank"]): row for row in stored}
    assert len(rows) == 4 * 2
    for row in rows:
        found = curve[int(row["layer"]), int(row["rank"])]
        for column in ("dimension", "ci_low", "ci_high", "mean_distance"):
            assert float(row[column]) == pytest.approx(found[column], rel=1e-3)


def test_massive_activations_are_a_chart_and_a_table(
    page_of_lines: Path, visit: Open, tmp_path: Path
) -> None:
    page = ready(visit(page_of_lines))
    # The one model with a ratio comes first.
    massive = page.locator("#massive")
    assert "lab/peaked @ step 2" in massive.locator("figcaption").inner_text()
    assert massive.locator(".plot .label").text_content() == "coordinate 3"
    assert massive.locator(".title").inner_text() == (
        "Coordinate 3 is 2,000 times the median of its layer in 5 layers."
    )
    # A coordinate is no model.
    assert massive.locator("g.series.o0").count() == 1
    # One value over all layers is a low chart, with the line in its middle and ticks around.
    assert massive.locator(".y-tick").all_text_contents() == ["1,000", "2,000", "3,000", "4,000"]
    box = massive.locator("svg.plot").bounding_box()
    mark = massive.locator("path.mark").first.bounding_box()
    assert box is not None
    assert mark is not None
    assert box["height"] < 250
    assert 0.25 < (mark["y"] - box["y"]) / box["height"] < 0.75
    assert massive.locator("svg.plot path.mark").count() == 5
    massive.get_by_label("Also after the final norm").check()
    assert massive.locator("svg.plot path.mark").count() == 6
    table = unfold(page, "#massive details.numbers >> nth=0").locator(".table")
    ratio = table.locator("th", has_text=re.compile("Times the median"))
    ratio.get_by_role("button").click()
    assert ratio.get_attribute("aria-sort") == "ascending"
    assert table.locator("tbody tr").first.locator("td").nth(5).inner_text() == "1,000"
    rows = downloaded(page, table, tmp_path)
    assert len(rows) == 2 * 6
    # Between quotes, as JSON writes it.
    assert {row["token"] for row in rows} == {json.dumps(f"{SCRIPT}\n")}
    assert {row["ratio"] for row in rows} == {"1000", "2000"}
    assert {row["coordinate"] for row in rows} == {"3"}
    table.get_by_role("button", name="Provenance").first.click()
    assert "Coordinate" in massive.locator(".provenance").inner_text()
    assert page.title() == "Geometry of hidden states: store"


def test_a_ratio_that_was_not_measured_is_said(
    page_of_lines: Path, visit: Open, tmp_path: Path
) -> None:
    page = ready(visit(page_of_lines))
    choose(page, "massive", "Model", "lab/two")
    massive = page.locator("#massive")
    assert "no median to compare with" in massive.locator(".chart .empty").inner_text()
    table = unfold(page, "#massive details.numbers >> nth=0").locator(".table")
    assert table.locator("td.missing").first.inner_text() == "not measured"
    rows = downloaded(page, table, tmp_path)
    assert {row["ratio"] for row in rows} == {""}
    assert {row["stack"] for row in rows} == {"encoder", "decoder"}


def test_a_store_without_lines_has_no_sections_of_them(visit: Open, tmp_path: Path) -> None:
    database = new_store(tmp_path / "bare.duckdb")
    run = make_run()
    bare = replace(run.measured, spectra=(), curves=(), massive=())
    write_run(database, replace(run, measured=bare))
    path = tmp_path / "bare.html"
    path.write_text(build_report(database).html, encoding="utf-8")
    page = ready(visit(path))
    sections = page.locator("section").evaluate_all("all => all.map(one => one.id)")
    assert sections == ["overview", "coverage", "runs", "metrics", "reading"]
    linked = page.locator("nav a").evaluate_all("all => all.map(one => one.hash.slice(1))")
    assert linked == sections


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1440, False)], ids=["phone", "desktop"])
def test_axe_finds_no_serious_violation(
    page_of_lines: Path, visit: Open, width: int, dark: bool
) -> None:
    page = ready(visit(page_of_lines, width=width, dark=dark))
    for section in ("spectra", "scales", "massive"):
        page.locator(f"#{section} details.numbers summary").first.click()
        page.locator(f"#{section} path.mark").first.focus()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    serious, kept = serious_violations(page)
    assert serious == []
    assert kept > 20
