"""The house rules that code can check: names and pages. ``make lint`` checks the imports."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import embstore
from embstore import errors
from tests.processes import imported

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "embstore").rglob("*.py"))


def test_every_module_says_its_purpose() -> None:
    for path in MODULES:
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_a_room_says_what_it_is_for_and_imports_nothing() -> None:
    """Otherwise asking would import torch through the room's other modules."""
    rooms = [path for path in MODULES if path.name == "__init__.py"][1:]
    assert len(rooms) > 15
    for path in rooms:
        (only,) = ast.parse(path.read_text()).body
        assert isinstance(only, ast.Expr), path


def test_nothing_imports_the_package_root() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.module == "embstore"), path


def test_no_file_is_read_in_the_encoding_of_the_locale() -> None:
    """Ruff's rule for it (PLW1514) does not see most of these calls."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert not _reads_as_the_locale_says(node), (path, node.lineno)


def _reads_as_the_locale_says(call: ast.Call) -> bool:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in given:
        return False
    if name in {"read_text", "write_text"}:
        return not call.args or name == "write_text"
    if name == "open":
        # Of open and Path.open; what opens something else has no mode in its first places.
        modes = [*call.args[:2], *(given[key] for key in ("mode",) if key in given)]
        texts = [mode.value for mode in modes if isinstance(mode, ast.Constant)]
        return not call.args or any("b" not in str(mode) for mode in texts)
    return name in {"run", "Popen", "check_output"} and "text" in given


def test_a_message_suits_the_command_line_and_python() -> None:
    """Below ``cli/`` an option stands in a whole command, or beside what Python calls it."""
    suitable = re.compile(r"embstore [a-z]|pip install|\(in Python |on the command line")
    for path in MODULES:
        if path.is_relative_to(ROOT / "embstore" / "cli"):
            continue
        for text in _texts(ast.parse(path.read_text())):
            assert not re.search(r"\s--[a-z]", text) or suitable.search(text), (path, text)


def _texts(tree: ast.AST) -> Iterator[str]:
    """Give the string literals that are no docstrings, each with … for what is filled in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield "".join(str(part) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield from _texts(node)


def test_public_names_exist_and_are_documented() -> None:
    for name in embstore.__all__:
        value = getattr(embstore, name)
        assert name == "__version__" or value.__doc__, name
    assert set(embstore.__all__) <= set(dir(embstore))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = embstore.nonsense


@pytest.mark.slow
def test_asking_never_imports_torch() -> None:
    found = imported(
        "import embstore, embstore.api.store, embstore.api.vectors\n"
        "import embstore.asking.ask, embstore.chart, embstore.cli.main"
    )
    assert not {"torch", "transformers", "pynndescent"} & found


def test_every_error_has_an_exit_code_of_the_contract() -> None:
    tree = [getattr(errors, name) for name in dir(errors) if name.endswith("Error")]
    assert {error.exit_code for error in tree} == {1, 2, 3, 4}
    assert "StoreLockedError" in (errors.__doc__ or "")


def test_readme_shows_the_picture_and_the_two_commands_first() -> None:
    readme = (ROOT / "README.md").read_text()
    first_screen = "\n".join(readme.splitlines()[:45])
    pictures = re.findall(r"!\[.+\]\((.+?)\)", first_screen)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)
    assert re.search(r"^make demo\b.*\nmake test\b", first_screen, re.MULTILINE)


def test_every_command_of_the_readme_parses() -> None:
    """Each option shown exists: a command with --help added must print its help."""
    from typer.testing import CliRunner

    from embstore.cli.main import app

    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^embstore (\w+)([^\n#]*)", readme, re.MULTILINE)
    assert len(commands) >= 4
    for name, rest in commands:
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, name
        for option in re.findall(r"(?<=\s)(--?[a-z][a-z-]*)", rest):
            assert option in shown.output, (name, option)


def test_the_changelog_knows_the_version_or_is_ahead_of_it() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog or f"## [{embstore.__version__}]" in changelog
