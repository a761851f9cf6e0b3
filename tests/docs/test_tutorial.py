"""The tutorial notebook runs from top to bottom, in a kernel of its own."""

import ast
import json
import re
from typing import Any

import pytest
from tutorial import NOTEBOOK, executed


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each cell put out."""
    notebook = executed(tmp_path_factory.mktemp("tutorial"))
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells: list[dict[str, Any]]) -> str:
    return json.dumps([cell["outputs"] for cell in cells], ensure_ascii=False)


def result(cells: list[dict[str, Any]], name: str) -> Any:
    """The value of the cell that ends with an expression about ``name``."""
    (cell,) = (c for c in cells if name in c["source"].splitlines()[-1])
    return ast.literal_eval(cell["outputs"][-1]["data"]["text/plain"])


@pytest.mark.models
def test_it_runs_without_an_error_or_a_warning(run: list[dict[str, Any]]) -> None:
    text = shown(run)
    assert "Warning" not in text
    assert '"name": "stderr"' not in text
    assert all(cell["outputs"] for cell in run)


@pytest.mark.models
def test_tables_and_charts_are_shown_as_such(run: list[dict[str, Any]]) -> None:
    text = shown(run)
    assert text.count("<table") >= 4
    assert sum("image/svg+xml" in shown([cell]) for cell in run) == 2
    assert "http" not in text.replace("http://www.w3.org/", "")


@pytest.mark.models
def test_both_models_are_measured(run: list[dict[str, Any]]) -> None:
    assert result(run, "outcome.status") == [
        ("SmolLM2-135M", "measured", 2048),
        ("MiniLM", "measured", 2048),
    ]


@pytest.mark.models
def test_the_bell_is_there_and_made_of_sinks(run: list[dict[str, Any]]) -> None:
    effect = result(run, "effect[key]")
    assert effect["at_peak"] > 0.95
    assert effect["at_peak_no_sinks"] < 0.3
    assert effect["n_first"] + effect["n_sinks"] < 0.01 * effect["n_tokens"]


@pytest.mark.models
def test_the_gaussian_has_five_dimensions(run: list[dict[str, Any]]) -> None:
    assert result(run, "found[name].value") == pytest.approx({"twonn": 5, "mle": 5}, rel=0.1)


def kinds(cells: list[dict[str, Any]]) -> list[list[str]]:
    return [sorted(key for out in cell["outputs"] for key in out.get("data", ())) for cell in cells]


@pytest.mark.models
def test_it_is_kept_with_what_a_run_shows(run: list[dict[str, Any]]) -> None:
    content = NOTEBOOK.read_text()
    kept = [cell for cell in json.loads(content)["cells"] if cell["cell_type"] == "code"]
    assert kinds(kept) == kinds(run), "run make tutorial"
    assert [cell["execution_count"] for cell in kept] == list(range(1, len(kept) + 1))
    # Two charts are the most of it. No place of the machine that ran it is left.
    assert len(content) < 500_000
    assert not re.search(r"/(home|root|tmp|work|Users)/", content)


def test_its_cells_are_small_and_its_links_resolve() -> None:
    from tests.docs.markdown import anchors_of, links_of

    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        source = "".join(cell["source"])
        assert cell["cell_type"] == "markdown" or len(source.splitlines()) <= 20
        for link in links_of(source) if cell["cell_type"] == "markdown" else ():
            path, _, anchor = link.partition("#")
            if not link.startswith("http"):
                target = NOTEBOOK.parent / path
                assert target.is_file(), link
                assert not anchor or anchor in anchors_of(target.read_text()), link
