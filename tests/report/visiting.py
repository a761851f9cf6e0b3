"""What a reader does on a page: wait, choose, download."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

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
