"""The documentation holds: its commands run, its links resolve, its generated pages are fresh."""

import importlib
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

import embstore
from tests.docs.commands import (
    ABSENT,
    Shell,
    absent,
    command_of,
    commands_of,
    needs_network,
    parse,
)
from tests.docs.folder import STORE, fill, fill_store
from tests.docs.markdown import Block, anchors_of, blocks_of, links_of, pages

ROOT = Path(__file__).parents[1]
PAGES = pages(ROOT)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

each_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)

# peft still asks transformers by the old name whether it saves memory in training.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    # The Trainer of an example does not ask whether there is an accelerator.
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning"),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that pages name, and a store that some begin with."""
    folder = fill(tmp_path_factory.mktemp("docs") / "prepared")
    fill_store(folder)
    return folder


@pytest.fixture
def place(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for one page: links to the files, and no store yet."""
    for item in prepared.iterdir():
        if item.name != STORE:
            (tmp_path / item.name).symlink_to(item)
    monkeypatch.chdir(tmp_path)
    defaults = embstore.ingest.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "tokens", 1024)
    return tmp_path


@pytest.mark.slow
@each_page
def test_every_command_and_example_runs(
    page: Path, place: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page.read_text()
    if "<!-- begins with a store -->" in text:
        shutil.copy(prepared / STORE, place)
    shell = Shell(monkeypatch)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(text):
        try:
            _run(block, shell, names)
        except BaseException as error:
            error.add_note(f"{page.relative_to(ROOT)}:{block.line}")
            raise


def _run(block: Block, shell: Shell, names: dict[str, object]) -> None:
    if block.file is not None:
        file = Path(block.file)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
    elif block.language == "python":
        code = compile(block.text, f"line {block.line}", "exec")
        if not block.why_not:
            exec(code, names)
    elif block.language == "sh":
        for command in commands_of(block.text):
            if command.program == "embstore":
                parse(command)
                network = needs_network(command)
                assert not network or block.why_not, "asks the Hub: mark it as not run"
            if not block.why_not:
                shell.run(command)
    elif block.language == "inline":
        command = command_of(block.text)
        if any(word.isalpha() and word.isupper() for word in command.words):
            return  # embstore COMMAND --help, embstore query NAME
        context = parse(command)
        bare = context.info_name == command.words[-1]
        if not (bare or block.why_not or absent(command) or needs_network(command)):
            shell.run(command)


@each_page
def test_links_resolve(page: Path) -> None:
    for link in links_of(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in anchors_of(target.read_text()), f"{page.name} links to {link}"


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / link.partition("#")[0]).resolve() for link in links_of(index.read_text())
    }
    assert {page for page in PAGES if page.parent != ROOT} - {index} <= linked
    assert ROOT / "docs" / "tutorial.ipynb" in linked


@pytest.mark.parametrize(
    ("path", "make"),
    [
        ("docs/commands.md", "command_page.command_page"),
        ("docs/questions.md", "question_page.question_page"),
        ("docs/metrics.md", "metric_page.metric_page"),
        ("docs/schema.md", "schema_page.schema_page"),
        ("embstore/metrics/names.py", "metric_page.names_module"),
        ("migrations/head.sql", "head_script.head_sql"),
    ],
)
def test_what_is_generated_is_that_of_the_code(path: str, make: str) -> None:
    module, name = make.split(".")
    made = getattr(importlib.import_module(module), name)()
    assert (ROOT / path).read_text() == made, "run make docs"


def test_what_is_not_run_has_a_reason_and_is_named_somewhere() -> None:
    said = "\n".join(page.read_text() for page in PAGES)
    assert all(f"{name}" in said for name in ABSENT)
    for page in PAGES:
        for block in blocks_of(page.read_text()):
            if block.why_not and block.language == "sh":
                commands = [c for c in commands_of(block.text) if c.program == "embstore"]
                long = "minutes" in block.why_not or "absent" in block.why_not
                assert long or any(map(needs_network, commands)), f"{page.name}:{block.line}"
