"""The house rules that code can check: import arrows, doors, names, pages."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import embstore
from embstore import errors

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "embstore"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Upper floors import lower ones, never the other way.
FLOORS = [
    {"types", "errors", "resources", "files", "allocator", "compiled", "once", "quiet"}
    | {"compare", "layout", "rows"},
    {"ids", "kernels", "parallel", "passes", "scratch", "wikitext"}
    | {"cache", "download", "hub", "packaged", "revisions", "spool", "tabular"}
    | {"toml_table", "weights", "zipped"},
    {"candidates", "massive", "memory", "moments", "parameters", "scopes", "store"}
    | {"checkpoints", "enwik8", "forward_pass", "hub_datasets", "images", "study"},
    {"accelerator", "linears", "locate", "metrics", "question", "sources", "wikipedia"}
    | {"adapters", "cleaned", "hidden_runs", "portable", "probe", "reasons", "unequal"},
    {
        "approximate",
        "chart_drawing",
        "chart_scale",
        "chart_spec",
        "chart_theme",
        "chart_words",
        "corpus",
        "loading",
        "neighbors",
        "query",
        "within",
    },
    {"answer", "copies", "models", "sides", "vision"},
    {"hidden_states", "outline", "picture", "provenance", "records", "tokens"}
    | {"comparing", "duration", "patches"},
    {"evaluation", "inline_chart", "settings"},
    {"chart", "report"},
    {"planning"},
    {"measuring", "preparation", "preview", "vectors"},
    {"ingestion"},
    {"api", "commands", "demo"},
    {"cli"},
    {"__main__"},
]

# One door per library.
DOORS = {
    "duckdb": {"store"},
    "sqlalchemy": {"store"},
    "duckdb_sqlalchemy": {"store"},
    "alembic": {"store"},
    "pynndescent": {"approximate"},
    "numba": {"compiled"},
    "huggingface_hub": {"hub", "hub_datasets", "quiet"},
    "datasets": {"hub_datasets"},
    "pooch": {"cache", "enwik8"},
    "requests": {"download"},
    "psutil": {"preparation"},
    "peft": {"adapters"},
    "PIL": {"images"},
    "threadpoolctl": {"parallel"},
    "altair": {"inline_chart"},
    "vl_convert": {"picture"},
    "typer": {"cli"},
    "rich": {"cli", "layout"},
    "transformers": {"adapters", "loading", "models", "outline", "quiet", "vision"},
    "mwparserfromhell": {"wikitext"},
}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> set[str]:
    """Every module a file imports, also inside functions and for types."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "embstore":
                found |= {f"embstore.{alias.name}" for alias in node.names}
    return found


def floor(name: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if name in rooms)


# The package root re-exports the public names, so it is on no floor.
@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path != PACKAGE / "__init__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_imports_point_downward(path: Path) -> None:
    here = room(path)
    for module in imports(path):
        if not module.startswith("embstore.") or module == "embstore.__version__":
            continue
        there = module.split(".")[1]
        assert there == here or floor(there) <= floor(here), f"{here} imports {there}"
        if there != here and floor(there) == floor(here):
            assert here not in {m.split(".")[-1] for m in imports(PACKAGE / f"{there}.py")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_library_has_one_door(path: Path) -> None:
    for module in imports(path):
        library = module.split(".")[0]
        if library in DOORS:
            assert room(path) in DOORS[library], f"{path.name} imports {library}"


def test_every_module_says_its_purpose() -> None:
    for path in MODULES:
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_public_names_exist_and_are_documented() -> None:
    for name in embstore.__all__:
        value = getattr(embstore, name)
        assert name == "__version__" or value.__doc__, name
    assert set(embstore.__all__) <= set(dir(embstore))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = embstore.nonsense


def test_asking_never_imports_torch() -> None:
    code = (
        "import sys, embstore, embstore.api.store, embstore.api.measure\n"
        "import embstore.asking.ask, embstore.chart, embstore.cli\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'pynndescent')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_error_has_an_exit_code_of_the_contract() -> None:
    tree = [getattr(errors, name) for name in dir(errors) if name.endswith("Error")]
    assert {error.exit_code for error in tree} == {1, 2, 3, 4}
    assert "StoreLockedError" in (errors.__doc__ or "")


def test_readme_tables_are_those_of_the_code() -> None:
    reference = runpy.run_path(str(ROOT / "docs" / "reference.py"))
    readme = (ROOT / "README.md").read_text()
    assert reference["fill_in"](readme) == readme, "run make docs"


def test_readme_shows_the_picture_and_the_two_commands_first() -> None:
    readme = (ROOT / "README.md").read_text()
    first_screen = "\n".join(readme.splitlines()[:45])
    (picture,) = re.findall(r"!\[.+\]\((.+?)\)", first_screen)
    assert (ROOT / picture).is_file()
    assert re.search(r"^make demo\b.*\nmake test\b", first_screen, re.MULTILINE)


def test_every_command_of_the_readme_parses() -> None:
    """Each option shown exists: a command with --help added must print its help."""
    from typer.testing import CliRunner

    from embstore.cli import app

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
