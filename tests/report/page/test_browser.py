import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from embstore.report.write import build_report
from embstore.store.database import Database
from tests.report.conftest import Open
from tests.report.hostile import FORMULA, SCRIPT
from tests.report.visiting import choose, downloaded, ready, serious_violations, unfold
from tests.stores import new_store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def profile_rows(page: "Page", folder: Path) -> list[dict[str, str]]:
    return downloaded(page, unfold(page, "#profiles details.numbers"), folder)


def test_the_page_loads_in_silence_and_keeps_its_title(hostile_page: Path, visit: Open) -> None:
    page = ready(visit(hostile_page))
    assert page.title() == "Geometry of hidden states: store"
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("img, iframe, script[src], link").count() == 0
    assert page.locator("#findings").get_by_text(SCRIPT).count() > 0
    coverage = unfold(page, "#coverage > details")
    assert coverage.get_by_text(f"broken {SCRIPT}").is_visible()


def test_every_number_of_a_profile_is_the_stores(
    hostile_page: Path, hostile_store: Database, visit: Open, tmp_path: Path
) -> None:
    page = ready(visit(hostile_page))
    choose(page, "profiles", "Metric", "Intrinsic dimension (TwoNN) (twonn)")
    choose(page, "profiles", "Tokens counted", "without attention sinks")
    rows = profile_rows(page, tmp_path)
    stored = hostile_store.select(
        "SELECT run_id, stack, layer, value, ci_low, ci_high FROM profile "
        "WHERE metric = 'twonn' AND scope = 'no_sinks' AND site <> 'final_norm'"
    ).to_pylist()
    expected = {(row["run_id"], row["stack"], str(row["layer"])): row for row in stored}
    # The last of five checkpoints, an encoder, and a model of two stacks; not the other text.
    assert len(rows) == 5 + 5 + 10
    for row in rows:
        found = expected[row["run_id"], row["stack"], row["layer"]]
        if found["value"] is None:
            assert (row["value"], row["status"]) == ("", "undefined")
            continue
        for column in ("value", "ci_low", "ci_high"):
            # Sixteen bits over what a model's values span, and five digits in the file.
            assert float(row[column]) == pytest.approx(found[column], rel=2e-4)


def test_selectors_change_the_chart(hostile_page: Path, visit: Open) -> None:
    page = ready(visit(hostile_page))
    profiles = page.locator("#profiles")
    caption = profiles.locator("figcaption")
    assert "Anisotropy (anisotropy), all tokens, and without" in caption.inner_text()
    choose(page, "profiles", "Tokens counted", "all tokens")
    choose(page, "profiles", "Metric", "Mean cosine similarity (mean_cosine)")
    choose(page, "profiles", "Checkpoint", "Step 1,000")
    assert "mean_cosine" in caption.inner_text()
    assert "step 1,000" in caption.inner_text()
    # Only one model has such a step; the others are named.
    assert profiles.locator("g.series").count() == 1
    assert "Without such a checkpoint" in profiles.locator(".note").inner_text()
    choose(page, "profiles", "Checkpoint", "Last of each model")
    assert profiles.locator("g.series").count() == 4
    unfold(page, "#profiles details.more")
    choose(page, "profiles", "Across", "layer")
    assert profiles.locator(".x-title").inner_html() == "Layer"
    assert profiles.locator("path.apart").count() == 0
    profiles.get_by_label("Also after the final norm").check()
    assert profiles.locator("path.apart").count() == 2
    unfold(page, "#profiles details.boxes-of")
    profiles.get_by_role("button", name="Choose none").click()
    assert profiles.locator("svg.plot").count() == 0
    assert profiles.locator(".empty").inner_text() == "No model is chosen."
    expect(page.locator("#live")).to_have_text("0 models chosen.")


def test_missing_cells_are_hatched_and_named(hostile_page: Path, visit: Open) -> None:
    page = ready(visit(hostile_page))
    training = page.locator("#training")
    figure = training.locator("figure").first
    assert figure.locator("rect.cell").count() == 6 * 5
    assert figure.locator("rect.cell[fill^=url]").count() == 0
    choose(page, "training", "Metric", "Intrinsic dimension (TwoNN) (twonn)")
    assert figure.locator("rect.cell[fill$='undefined)']").count() == 5
    assert "undefined (5 cells)" in figure.locator(".legend").inner_text()
    # A profile breaks there.
    choose(page, "profiles", "Metric", "Intrinsic dimension (TwoNN) (twonn)")
    choose(page, "profiles", "Tokens counted", "all tokens")
    assert page.locator("#profiles rect.gap").count() == 1
    assert page.locator("#profiles g.series").first.locator("path.line").count() == 2


def test_the_keyboard_reaches_every_number_and_its_provenance(
    hostile_page: Path, hostile_store: Database, visit: Open
) -> None:
    page = ready(visit(hostile_page))
    cells = page.locator("#training figure").first.locator("rect.cell")
    assert cells.and_(page.locator("[tabindex='0']")).count() == 1
    cells.first.focus()
    # The first row is the last state; two down is layer 3.
    for key in ("ArrowDown", "ArrowDown", "End", "Enter"):
        page.keyboard.press(key)
    focused = page.locator("rect.cell:focus").get_attribute("aria-label")
    assert focused is not None
    assert "step 143,000, layer 3: 0.725" in focused
    told = page.locator("#training .provenance").inner_text()
    (run,) = hostile_store.select(
        "SELECT run_id, weights_sha256, sha256 FROM run JOIN checkpoint USING (checkpoint_id) "
        "JOIN corpus USING (corpus_id) WHERE step = 143000"
    ).to_pylist()
    for fact in (*run.values(), "2026-11-02T09:30:00Z", "torch 2.13.0", "seed 0", "version 1"):
        assert fact in told, fact
    # From the chart to the runs: the skip link leads to the content.
    page.locator("body").press("Home")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_point_under_the_pointer_tells_its_number(hostile_page: Path, visit: Open) -> None:
    page = ready(visit(hostile_page))
    mark = page.locator("#profiles path.mark").nth(2)
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    tip = page.locator("#profiles .tip")
    assert tip.is_visible()
    assert "0.95" in tip.inner_text()
    page.mouse.click(box["x"] + 3, box["y"] + 3)
    assert "Weights SHA-256" in page.locator("#profiles .provenance").inner_text()


def test_two_models_are_compared(hostile_page: Path, visit: Open, tmp_path: Path) -> None:
    page = ready(visit(hostile_page))
    choose(page, "compare", "A: model", "lab/plain")
    choose(page, "compare", "B: model", FORMULA)
    assert "different texts" in page.locator("#compare .note").inner_text()
    rows = downloaded(page, unfold(page, "#compare details.numbers"), tmp_path)
    row = next(row for row in rows if row["metric"] == "anisotropy")
    # The bell's blocks 1 to 4, and the flat line's.
    a = (0.725 + 0.95 + 0.725 + 0.05) / 4
    b = 0.09 + 0.0025
    assert float(row["a"]) == pytest.approx(a, rel=1e-4)
    assert float(row["difference"]) == pytest.approx(b - a, rel=1e-4)
    assert float(row["gap"]) == pytest.approx(0.092 - 0.95, rel=1e-4)
    assert float(row["gap_depth"]) == 0.5
    page.get_by_role("button", name="Provenance of anisotropy").click()
    told = page.locator("#compare .provenance").inner_text()
    assert "mean 0.6125, peak of any layer 0.95" in told
    assert told.count("Weights SHA-256") == 2


def test_tables_sort_and_download(hostile_page: Path, visit: Open, tmp_path: Path) -> None:
    page = ready(visit(hostile_page))
    runs = unfold(page, "#runs > details").locator(".table")
    step = runs.locator("th", has_text=re.compile("Step"))
    assert step.get_attribute("aria-sort") == "none"
    step.get_by_role("button").click()
    step.get_by_role("button").click()
    assert step.get_attribute("aria-sort") == "descending"
    assert runs.locator("tbody tr").first.locator("td").nth(2).inner_text() == "143,000"
    rows = downloaded(page, runs, tmp_path)
    assert [row["step"] for row in rows] == ["143000", "20000", "1000", "10", "0", "", "", ""]
    assert rows[0]["weights_sha256"].startswith("weights of </script>")
    assert all(len(row["run_id"]) == 32 for row in rows)
    assert rows[0]["tokens_seen"] == str(143000 * 2048)
    # A spreadsheet would run it.
    assert f"'{FORMULA}" in {row["model"] for row in rows}
    runs.get_by_label("Filter rows").fill("lab/plain")
    assert runs.locator("tbody tr").count() == 1
    runs.get_by_role("button", name="Provenance of lab/plain").click()
    assert "lab/plain" in page.locator("#runs .provenance h4").inner_text()


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1440, True)], ids=["phone", "dark"])
def test_axe_finds_no_serious_violation(
    hostile_page: Path, visit: Open, width: int, dark: bool
) -> None:
    page = ready(visit(hostile_page, width=width, dark=dark))
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    page.locator("#runs tbody button").first.click()
    page.locator("#training rect.cell").first.focus()
    serious, kept = serious_violations(page)
    assert serious == []
    assert kept > 20


_OTHER_WIDTH = """before => {
    const width = document.querySelector("#profiles svg.plot")?.getBoundingClientRect().width;
    return width && width !== before ? width : false;
}"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 900)])
def test_nothing_is_wider_than_the_screen(
    hostile_page: Path, visit: Open, width: int, height: int, tmp_path: Path
) -> None:
    page = ready(visit(hostile_page, width=width, height=height))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture = page.screenshot(full_page=True, path=tmp_path / f"{width}.png")
    assert len(picture) > 50_000
    # The other way up, and the charts follow.
    before = page.locator("#profiles svg.plot").bounding_box()
    assert before is not None
    page.set_viewport_size({"width": height, "height": width})
    # Drawn anew it is another element, and for a moment there is none.
    after = page.wait_for_function(_OTHER_WIDTH, arg=before["width"]).json_value()
    assert (after > before["width"]) == (height > width)
    assert page.evaluate("document.documentElement.scrollWidth") <= height


def test_print_shows_charts_without_controls(hostile_page: Path, visit: Open) -> None:
    page = ready(visit(hostile_page, dark=True))
    page.emulate_media(media="print")
    assert page.locator("#profiles svg.plot").is_visible()
    assert not page.locator("#profiles .controls").first.is_visible()
    assert not page.get_by_role("button", name="Download CSV").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")


def test_without_scripts_the_findings_are_there(
    hostile_page: Path, browser: "Browser", tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(hostile_page.as_uri())
    assert (
        "In 2 decoders, anisotropy peaks at 0.95 in the median"
        in page.locator("#overview h2").inner_text()
    )
    assert page.locator(".findings > li").count() == 8
    assert "needs a browser" in page.locator("#profiles-view").inner_text()
    context.close()


def test_an_old_browser_is_told_so(hostile_page: Path, browser: "Browser") -> None:
    context = browser.new_context()
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto(hostile_page.as_uri())
    assert "too old" in page.locator("#profiles-view").inner_text()
    # What needs no data stays.
    assert page.locator("#metrics tbody tr").count() == 3
    context.close()


def test_an_empty_store_has_a_page_that_says_so(visit: Open, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    report = build_report(new_store(tmp_path / "empty.duckdb"))
    path.write_text(report.html, encoding="utf-8")
    page = visit(path).page
    assert "Nothing has been measured yet" in page.locator("main").inner_text()
    assert page.locator("section").count() == 1
    assert page.locator("nav a").count() == 1
