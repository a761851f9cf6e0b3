"""What a reader does on a page: wait, choose, download; and what axe says of it."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe_playwright_python

from tests.report.conftest import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def ready(visited: Visit) -> "Page":
    """Wait until the page has made its charts."""
    visited.page.wait_for_selector("html[data-ready]")
    return visited.page


def choose(page: "Page", section: str, label: str, option: str) -> None:
    """Choose an option of a section's selector."""
    page.locator(f"#{section}").get_by_label(label, exact=True).select_option(label=option)


def slide(page: "Page", section: str, label: str, to: int) -> None:
    """Move a section's slider to a place."""
    page.locator(f"#{section}").get_by_label(label, exact=True).fill(str(to))


def unfold(page: "Page", where: str) -> "Locator":
    """Open what is folded away, and return it."""
    details = page.locator(where)
    details.locator("summary").first.click()
    return details


def downloaded(page: "Page", table: "Locator", folder: Path) -> list[dict[str, str]]:
    """Download a table, and read it."""
    with page.expect_download() as arriving:
        table.get_by_role("button", name="Download CSV").click()
    file = folder / arriving.value.suggested_filename
    arriving.value.save_as(file)
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


# Of what is in order only the number of rules comes over, not every element with its path.
_AXE = """
async () => {
  const found = await axe.run({ resultTypes: ["violations"], selectors: false });
  return { violations: found.violations, passes: found.passes.length };
}
"""


def serious_violations(page: "Page") -> tuple[list[tuple[str, str]], int]:
    """Return what axe finds to be serious, as rules and elements, and how many rules are kept."""
    source = Path(axe_playwright_python.__file__).with_name("axe.min.js")
    page.evaluate(source.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(_AXE)
    serious = [
        (violation["id"], violation["nodes"][0]["html"])
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]
    return serious, found["passes"]
