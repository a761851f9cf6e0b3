import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from embstore.report.findings.sentences import Finding
from embstore.report.page import html
from embstore.report.page.html import PageText, write_page
from embstore.report.read.contents import read_contents
from embstore.report.records import Contents
from embstore.store.database import Database
from tests.report.hostile import FORMULA, SCRIPT, TEMPLATE

TEXT = PageText(title="Title", store="store.duckdb", version="0.1.0", written="today")
PAYLOAD = {"facts": "QUJD", "numbers": "REVG"}


@pytest.fixture
def contents(hostile_store: Database) -> Contents:
    return read_contents(hostile_store)


def written(contents: Contents, *findings: Finding) -> str:
    return write_page(TEXT, contents, findings, PAYLOAD)


@pytest.mark.slow
def test_the_policy_allows_exactly_the_pages_own_script_and_style(contents: Contents) -> None:
    html = written(contents)
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', html)[0]
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed["default-src"] == allowed["connect-src"] == "'none'"
    # What the page makes itself, to save a chart as PNG.
    assert allowed["img-src"] == "blob:"
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert allowed[kind] == f"'sha256-{digest}'"


@pytest.mark.slow
def test_nothing_in_the_page_names_a_place_outside(contents: Contents) -> None:
    html = written(contents)
    places = set(re.findall(r"https?://[\w./-]+", html))
    # The name of the SVG language is no address to ask, nor is a model's name.
    assert places <= {"http://www.w3.org/2000/svg", "http://example.org"}
    assert not re.search(r"<(link|img|iframe|object|embed)\b", html)
    assert not re.search(r"\b(src|href)=[\"'](?!#)", html)


def test_scripts_never_turn_text_into_html() -> None:
    code = html._script()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in code
    assert not re.search(r"new Function|setTimeout\(['\"]", code)
    # What would end the element that carries it.
    assert "</script" not in code.lower()
    assert "<!--" not in code
    assert 'setAttribute("style"' not in code


def test_every_script_is_on_the_page() -> None:
    folder = Path(html.__file__).parent / "scripts"
    scripts = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.js")}
    assert scripts == set(html._SCRIPTS)


def test_names_are_escaped_and_never_filled_in(contents: Contents) -> None:
    text = f"{SCRIPT} {FORMULA} {TEMPLATE}"
    html = written(contents, Finding("Topic", text, tuple(range(len(contents.runs)))))
    assert SCRIPT not in html
    assert "&lt;/script&gt;&lt;img src=x onerror=&quot;document.title" in html
    # The template is filled in once: a name that looks like a place stays as it is.
    assert "{{title}} ${alert(1)}" in html
    assert html.count("</script>") == 3


def test_a_finding_names_its_runs_up_to_six(contents: Contents) -> None:
    html = written(contents, Finding("Topic", "text", (0, 1) * 20, "warning"))
    assert "From 40 runs" in html
    assert "and 34 more" in html
    assert html.count(str(contents.runs[0]["run_id"])) == 3


def test_an_empty_store_says_how_to_fill_it() -> None:
    nothing = Contents((), (), (), (), (), (), 0, None, ())
    html = write_page(TEXT, nothing, (), {})
    assert "Nothing has been measured yet" in html
    assert "embstore ingest MODEL" in html
    assert 'id="facts"' not in html


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (1, " 1 older run left out: a later one replaces it."),
        (2, " 2 older runs left out: later ones replace them."),
    ],
)
def test_runs_that_were_replaced_are_told(n: int, said: str, contents: Contents) -> None:
    assert said in written(replace(contents, older_runs=n))
