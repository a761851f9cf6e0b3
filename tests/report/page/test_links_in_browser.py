"""A link shows what its sender saw."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.report.conftest import Open
from tests.report.hostile import FORMULA, SCRIPT
from tests.report.visiting import choose, ready, slide, unfold

if TYPE_CHECKING:
    from playwright.sync_api import Page

Follow = Callable[[str], "Page"]


def state_of(page: "Page") -> dict[str, list[str]]:
    """Return what the address says, once it was written."""
    page.wait_for_timeout(400)
    return parse_qs(urlsplit(page.url).fragment, keep_blank_values=True)


@pytest.fixture
def follow(hostile_page: Path, visit: Open) -> Follow:
    """Open the page anew, at a link."""

    def open_link(fragment: str) -> "Page":
        visited = visit(hostile_page, fragment=fragment)
        return ready(visited)

    return open_link


def test_a_page_as_it_opens_has_a_plain_address(hostile_page: Path, visit: Open) -> None:
    page = ready(visit(hostile_page))
    page.wait_for_timeout(400)
    assert page.url == hostile_page.as_uri()
    # Back to what it was is nothing to write.
    choose(page, "profiles", "Metric", "Mean cosine similarity (mean_cosine)")
    choose(page, "profiles", "Metric", "Anisotropy (anisotropy)")
    assert state_of(page) == {}


def test_every_choice_of_every_view_is_in_the_link(
    hostile_page: Path, visit: Open, follow: Follow
) -> None:
    page = ready(visit(hostile_page))
    choose(page, "profiles", "Metric", "Intrinsic dimension (TwoNN) (twonn)")
    choose(page, "profiles", "Tokens counted", "without attention sinks")
    unfold(page, "#profiles details.more")
    choose(page, "profiles", "Across", "layer")
    unfold(page, "#profiles details.boxes-of")
    page.locator("#profiles").get_by_role("checkbox", name=FORMULA).uncheck()
    slide(page, "checkpoints", "Checkpoint", 2)
    choose(page, "training", "Metric", "Mean cosine similarity (mean_cosine)")
    page.locator("#training").get_by_label("Logarithmic colours").check()
    choose(page, "compare", "B: model", "lab/plain")
    choose(page, "spectra", "Tokens counted", "without first tokens")
    slide(page, "spectra", "From layer", 3)
    choose(page, "scales", "Across", "rank of the neighbour")
    page.locator("#massive").get_by_label("Also after the final norm").check()
    said = state_of(page)
    assert said["profiles.metric"] == ["twonn"]
    assert said["profiles.scope"] == ["no_sinks"]
    assert said["checkpoints.at"] == ["2"]
    assert SCRIPT in said["profiles.models"]
    assert len(said["profiles.models"]) == 3
    other = follow(urlsplit(page.url).fragment)
    for section in (
        "profiles",
        "checkpoints",
        "training",
        "compare",
        "spectra",
        "scales",
        "massive",
    ):
        mine, theirs = (
            one.locator(f"#{section} figure").first.locator("figcaption, .x-title, .label")
            for one in (page, other)
        )
        assert mine.all_text_contents() == theirs.all_text_contents()
        drawn = f"#{section} path.mark, #{section} rect.cell"
        labels = "all => all.map(one => one.getAttribute('aria-label'))"
        assert page.locator(drawn).evaluate_all(labels) == other.locator(drawn).evaluate_all(labels)
    assert not other.locator("#profiles").get_by_role("checkbox", name=FORMULA).is_checked()
    assert other.locator("#checkpoints").get_by_label("Checkpoint", exact=True).input_value() == "2"
    assert state_of(other) == said


def test_a_link_leads_to_its_section_and_keeps_its_choices(follow: Follow) -> None:
    page = follow("at=runs&profiles.metric=twonn")
    expect(page.locator("#runs table")).to_be_in_viewport()
    page.locator("nav a", has_text="Spectra").click()
    expect(page.locator("#spectra h2")).to_be_in_viewport()
    assert state_of(page) == {"at": ["spectra"], "profiles.metric": ["twonn"]}
    # An address as the contents have it.
    plain = follow("coverage")
    expect(plain.locator("#coverage table").first).to_be_in_viewport()


@pytest.mark.parametrize(
    "fragment",
    [
        "profiles.metric=nonsense&training.model=gone&compare.a=0&profiles.axis=up",
        "checkpoints.at=99&spectra.from=-1&spectra.to=1e9&scales.every=0&massive.after=perhaps",
        "profiles.models=&at=nowhere",
        "%E0%A4%A&=&&profiles.scope=__proto__&profiles.metric=constructor",
    ],
)
def test_what_a_page_does_not_know_is_passed_over(fragment: str, follow: Follow) -> None:
    page = follow(fragment)
    assert page.locator("#training svg.plot").first.is_visible()
    assert page.title() == "Geometry of hidden states: store"
    metric = page.locator("#profiles").get_by_label("Metric", exact=True)
    assert metric.evaluate("field => field.selectedOptions[0].text") == "Anisotropy (anisotropy)"


def test_tables_and_folds_are_in_the_link(hostile_page: Path, visit: Open, follow: Follow) -> None:
    page = ready(visit(hostile_page))
    unfold(page, "#profiles details.numbers")
    unfold(page, ".findings details[data-fold='Shape of the profile']")
    page.locator("#massive details.numbers > summary").nth(1).click()
    runs = unfold(page, "#runs > details")
    runs.locator("th", has_text="Step").get_by_role("button").click()
    runs.locator("th", has_text="Step").get_by_role("button").click()
    runs.get_by_label("Filter rows").fill("step")
    page.locator("#profiles details.numbers th", has_text="Value").get_by_role("button").click()
    # A chart that is drawn again keeps what was open and how it was sorted.
    choose(page, "profiles", "Tokens counted", "without attention sinks")
    table = page.locator("#profiles details.numbers")
    expect(table.locator("th", has_text="Value")).to_have_attribute("aria-sort", "ascending")
    said = state_of(page)
    assert said["open"] == [
        *("profiles.numbers", "overview.Shape of the profile", "massive.numbers-2", "runs")
    ]
    assert (said["table-runs.sort"], said["table-runs.down"]) == (["step"], ["yes"])
    other = follow(urlsplit(page.url).fragment)
    assert other.locator("main details[open]").count() == 4
    assert other.locator("#overview .behind-it").filter(visible=True).count() == 1
    for where in ("#runs", "#profiles"):
        rows, theirs = (one.locator(f"{where} tbody tr").all_inner_texts() for one in (page, other))
        assert rows == theirs
    assert other.locator("#runs").get_by_label("Filter rows").input_value() == "step"
    assert state_of(other) == said
    # Printing opens folds for a moment, which is no choice.
    other.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert state_of(other) == said


@pytest.mark.parametrize("first", ["", "at=runs", "profiles.metric=mean_cosine"])
def test_going_back_shows_what_the_earlier_address_says(first: str, follow: Follow) -> None:
    page = follow(first)
    field = page.locator("#profiles").get_by_label("Metric", exact=True)
    before = field.input_value()
    page.evaluate("location.hash = '#profiles.metric=twonn'")
    expect(page.locator("#profiles figcaption")).to_contain_text("(twonn)")
    page.go_back()
    expect(page.locator("#profiles figcaption")).not_to_contain_text("(twonn)")
    page.wait_for_selector("html[data-ready]")
    assert field.input_value() == before
    assert urlsplit(page.url).fragment == first


def test_the_skip_link_and_a_section_keep_the_choices(follow: Follow) -> None:
    page = follow("profiles.metric=twonn")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.evaluate("location.hash = '#at=runs&profiles.metric=twonn'")
    expect(page.locator("#runs table")).to_be_in_viewport()
    assert state_of(page)["profiles.metric"] == ["twonn"]
    expect(page.locator("#profiles figcaption")).to_contain_text("(twonn)")


def test_another_link_in_the_same_window_is_followed(follow: Follow) -> None:
    page = follow("profiles.metric=twonn")
    page.evaluate("location.hash = '#profiles.metric=mean_cosine'")
    expect(page.locator("#profiles figcaption")).to_contain_text("Mean cosine similarity")
