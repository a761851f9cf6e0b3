"""Pages to test, and a real browser to open them in."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from embstore.report.write import build_report
from embstore.store.database import Database
from tests.report import hostile
from tests.stores import new_store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """An empty store."""
    return new_store(tmp_path / "store.duckdb")


@pytest.fixture(scope="session")
def hostile_store(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A small store of hostile names, gaps and failures."""
    return hostile.fill(tmp_path_factory.mktemp("hostile") / "store.duckdb")


@pytest.fixture(scope="session")
def hostile_page(hostile_store: Database) -> Path:
    """The report of that store, as a file."""
    path = hostile_store.path.with_name("report.html")
    path.write_text(build_report(hostile_store).html, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """A headless Chromium; one that is missing is a failure where everything must be tested."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no chromium on the path, and CI tests the page in one")
        pytest.skip("no chromium on the path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        yield browser
        browser.close()


class Visit:
    """An open page with everything it asked for and complained about."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: "Browser") -> Iterator[Open]:
    """Open a page in a context of its own; what it asked for is checked when the test ends."""
    contexts = []
    visits = []

    def open_page(
        path: Path,
        *,
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        fragment: str = "",
    ) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        # Whatever is not the page itself is refused, and seen in the list of requests.
        context.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
        visited = Visit(context.new_page())
        visits.append((visited, path))
        visited.page.goto(f"{path.as_uri()}#{fragment}" if fragment else path.as_uri())
        return visited

    yield open_page
    for visited, path in visits:
        asked = {url.split("#")[0] for url in visited.requests if not url.startswith("blob:")}
        assert asked == {path.as_uri()}
        assert visited.complaints == []
    for context in contexts:
        context.close()
