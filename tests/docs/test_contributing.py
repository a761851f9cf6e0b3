"""The pages for contributors: their rooms and their lists of files are those of the checkout."""

import re
import tomllib
from pathlib import Path

import pytest

from embstore.asking.ask import find_questions
from embstore.inputs.formats import FORMATS
from tests import tiny_images, tiny_models

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
_PATH = re.compile(r"`((?:embstore|tests|queries|docs|migrations|benchmarks)/[\w./-]*)`")


def section(title: str) -> str:
    """The text below a heading of CONTRIBUTING.md."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def named(text: str, name: str) -> list[Path]:
    """The files that a list names, for something of that name."""
    return [ROOT / path.replace("NAME", name) for path in _PATH.findall(text)]


@pytest.mark.parametrize("page", [CONTRIBUTING, ARCHITECTURE], ids=["contributing", "architecture"])
def test_every_path_of_the_page_exists(page: str) -> None:
    paths = _PATH.findall(page)
    assert len(paths) > 10
    for path in paths:
        assert list(ROOT.glob(path.rstrip("/").replace("NAME", "[a-z]*"))), path


@pytest.mark.parametrize("folder", ["of_one_layer", "of_two_layers"])
def test_a_metric_is_its_file_and_its_test(folder: str) -> None:
    listed = {path for path in _PATH.findall(section("Add a metric")) if folder in path}
    assert listed == {f"embstore/metrics/{folder}/NAME.py", f"tests/metrics/{folder}/test_NAME.py"}
    modules = {path.stem for path in (ROOT / "embstore" / "metrics" / folder).glob("[a-z]*.py")}
    tests = {path.stem for path in (ROOT / "tests" / "metrics" / folder).glob("test_*.py")}
    assert tests == {f"test_{module}" for module in modules}


def test_a_question_is_its_file_a_test_and_a_picture() -> None:
    tested = "".join(path.read_text() for path in (ROOT / "tests" / "queries").glob("test_*.py"))
    for name, question in find_questions().items():
        sql, _tests, golden = named(section("Add a question"), name)[:3]
        assert sql.is_file()
        assert golden.is_file() == (question.encoding is not None), name
        assert f'"{name}"' in tested, f"no test of {name}'s answer"


def test_a_text_format_is_an_entry_a_test_and_a_line() -> None:
    _table, tests, page = named(section("Add a text format"), "")
    for name in FORMATS:
        assert name in page.read_text(), name
        assert name in tests.read_text(), name


def test_a_model_family_is_measured_by_the_tests_of_its_table() -> None:
    assert tiny_models.FAMILIES
    assert tiny_images.FAMILIES
    for test in ("test_hidden_states", "test_description", "test_fast_linears"):
        assert "tiny_models.FAMILIES" in (ROOT / "tests" / "models" / f"{test}.py").read_text()


def test_the_rooms_are_those_that_import_linter_watches() -> None:
    """In the same order: the table tells what may import what."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (rooms,) = (c for c in contracts if c.get("containers") == ["embstore"])
    assert rooms["exhaustive"]
    folders = [name for name in rooms["layers"] if (ROOT / "embstore" / name).is_dir()]
    table = re.findall(r"^\| `embstore/(\w+)/` \|", ARCHITECTURE, re.MULTILINE)
    assert table == folders
    picture = ARCHITECTURE.partition("```mermaid")[2].partition("```")[0]
    for room in folders:
        if room != "common":
            assert f'"{room}/<br>' in picture, room


def test_the_house_has_few_rooms() -> None:
    """A newcomer should take in the listing of ``embstore/`` at a glance."""
    # A marker for type checkers is nothing to read.
    skipped = {"__pycache__", "py.typed"}
    entries = [p for p in (ROOT / "embstore").iterdir() if p.name not in skipped]
    assert len(entries) <= 25
