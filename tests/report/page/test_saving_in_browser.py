"""Charts saved as files: whole, and readable without the page."""

import struct
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.report.conftest import Open
from tests.report.visiting import ready

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SVG = "{http://www.w3.org/2000/svg}"


def saved(page: "Page", figure: "Locator", kind: str, folder: Path) -> Path:
    with page.expect_download() as arriving:
        figure.get_by_role("button", name=f"Save as {kind}").click()
    file = folder / arriving.value.suggested_filename
    arriving.value.save_as(file)
    return file


def test_every_chart_can_be_saved(hostile_page: Path, visit: Open, tmp_path: Path) -> None:
    page = ready(visit(hostile_page))
    figures = page.locator("figure").all()
    assert len(figures) == 7
    names = set()
    for figure in figures:
        file = saved(page, figure, "SVG", tmp_path)
        root = ElementTree.parse(file).getroot()
        assert root.tag == f"{SVG}svg"
        assert len(list(root.iter(f"{SVG}path"))) + len(list(root.iter(f"{SVG}rect"))) > 15
        names.add(file.name)
    assert {"profiles-anisotropy.svg", "training-anisotropy.svg", "spectra.svg"} < names


@pytest.mark.parametrize("dark", [False, True])
def test_a_saved_chart_needs_no_style_sheet(
    hostile_page: Path, visit: Open, tmp_path: Path, dark: bool
) -> None:
    page = ready(visit(hostile_page, dark=dark))
    file = saved(page, page.locator("#profiles figure"), "SVG", tmp_path)
    root = ElementTree.parse(file).getroot()
    texts = [text.text for text in root.iter(f"{SVG}text")]
    title = page.locator("#overview h2").inner_text()
    assert " ".join(filter(None, texts)).startswith(title)
    assert "without attention sinks" in texts
    assert any(text and "over </script>" in text for text in texts)
    # The colours are those that are seen, and nothing is left to a class.
    lines = [path for path in root.iter(f"{SVG}path") if path.get("fill") == "none"]
    assert len({line.get("stroke") for line in lines}) >= 4
    assert all((line.get("stroke") or "").startswith("rgb(") for line in lines)
    assert not [element for element in root.iter() if element.get("class") or element.get("style")]
    ground = root[0].get("fill")
    assert ground == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")


def test_a_png_has_the_dots_that_print_needs(
    hostile_page: Path, visit: Open, tmp_path: Path
) -> None:
    page = ready(visit(hostile_page))
    file = saved(page, page.locator("#profiles figure"), "PNG", tmp_path)
    assert file.name == "profiles-anisotropy.png"
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", content[16:24])
    assert width > 3000
    assert height > 1200
    # More than a plain ground.
    assert len(content) > 100_000
