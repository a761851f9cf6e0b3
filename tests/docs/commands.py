"""Shell lines of the documentation: read, checked against the real command line, run."""

import contextlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

import duckdb
import pytest
import typer
from typer.testing import CliRunner

from embstore.cli.main import app
from embstore.ingestion.studies.study import read_study

ROOT = Path(__file__).parents[2]
_HUB_MODEL = re.compile(r"[\w.-]+/[\w.-]+(@[\w.-]+)?")
# Models of the Hub without an owner.
_HUB_NAMES = {"gpt2"}
# Named in a page and too large to be made or loaded here, or made by another test.
ABSENT = {
    "enwik8.zip": "tests/inputs/wikipedia/test_enwik8.py reads one",
    "model.Q4_1.gguf": "tests/models/test_gguf.py loads one",
    "./own-model": "tests/models/test_load.py has one with code",
    "tiny": "the two demo models: tests/test_demo.py measures it",
}
# Of the pages' tokens: so many take a second.
_TOKENS = "1024"


@dataclass(frozen=True)
class Command:
    """One command: what it sets before it, its words, and where its output goes."""

    words: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    into: str | None = None

    @property
    def program(self) -> str:
        return self.words[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.words[1:]


class Context(Protocol):
    """What a parsed command knows of itself."""

    info_name: str | None
    params: dict[str, Any]


def commands_of(text: str) -> list[Command]:
    """Read the lines of a ``sh`` block."""
    joined = text.replace("\\\n", " ")
    return [
        command_of(line)
        for line in joined.splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]


def command_of(line: str) -> Command:
    """Read one line: ``NAME=VALUE… program words… [> file] [# comment]``."""
    words = shlex.split(line, comments=True)
    env = {}
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    into = None
    if ">" in words:
        into = words[words.index(">") + 1]
        words = words[: words.index(">")]
    assert not {"|", "&&", "<"} & set(words), f"tests cannot read this shell: {line}"
    return Command(tuple(words), env, into)


def parse(command: Command) -> "Context":
    """Hold a command to the real command line: it exists, and so do its options.

    Returns:
        The innermost context, which has the values of its options.
    """
    context = typer.main.get_command(app).make_context(
        "embstore", [*command.arguments], resilient_parsing=not command.arguments
    )
    while hasattr(context.command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        if not rest:
            break
        name, inner, arguments = context.command.resolve_command(context, rest)
        # A bare name, as in a table of commands, need not have its arguments.
        context = inner.make_context(
            name, arguments, parent=context, resilient_parsing=not arguments
        )
    return context


def needs_network(command: Command) -> bool:
    """Tell whether a command asks the Hub or downloads a text."""
    context = parse(command)
    values = context.params
    if context.info_name != "ingest":
        return False
    corpus = values["corpus"] or ""
    named = [*(values["models"] or ()), values["tokenizer"] or ""]
    if values["study"] is not None:
        request = read_study(values["study"]).request
        corpus, named = request.corpus, [model.model for model in request.models]
    return (
        corpus == "enwik8"
        or (corpus.startswith("hf:") and not corpus.startswith("hf:."))
        or any(name in _HUB_NAMES or _is_hub_id(name) for name in named)
    )


def _is_hub_id(name: str) -> bool:
    return _HUB_MODEL.fullmatch(name) is not None and not name.startswith((".", "package:"))


def absent(command: Command) -> str:
    """Say why a command is not run although it needs no network; empty if it is."""
    return next((ABSENT[word] for word in command.words if word in ABSENT), "")


class Shell:
    """Runs the commands of a page in one folder, as a reader would in a terminal."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        # What would follow a store without end gets Ctrl-C at its first pause.
        patch.setattr("embstore.cli.follow.sleep", _ctrl_c)

    def run(self, command: Command) -> None:
        """Run a command; every one must succeed."""
        if command.program == "export":
            for word in command.arguments:
                name, _, value = word.partition("=")
                self._patch.setenv(name, value)
        elif command.program in _OTHERS:
            _OTHERS[command.program](command)
        else:
            assert command.program == "embstore", f"tests cannot run {command.program}"
            self._embstore(command)

    def _embstore(self, command: Command) -> None:
        context = parse(command)
        words = [*command.arguments]
        if context.info_name == "ingest" and "--study" not in words:
            # The last one counts.
            words += ["--tokens", _TOKENS]
        with _wide():
            result = CliRunner().invoke(app, words, env=command.env)
        assert result.exit_code == 0, (
            f"{shlex.join(command.words)}: {result.exception or result.stderr}"
        )
        if command.into:
            Path(command.into).write_bytes(result.stdout_bytes)


def _ctrl_c(_seconds: float) -> NoReturn:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _wide() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        yield


def _pip(command: Command) -> None:
    """Look whether the extras exist; nothing is installed."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    asked = re.findall(r"\[([\w,]+)\]", " ".join(command.arguments))
    assert command.arguments[0] == "install"
    assert {extra for group in asked for extra in group.split(",")} <= extras.keys()


def _make(command: Command) -> None:
    """Look whether the target exists."""
    (target,) = command.arguments
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def _duckdb(command: Command) -> None:
    """Run what the DuckDB shell would, with its library."""
    path, sql = command.arguments
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute(sql).fetchall()


def _mkdir(command: Command) -> None:
    Path(command.arguments[-1]).mkdir(parents=True, exist_ok=True)


_OTHERS = {
    "pip": _pip,
    "make": _make,
    "duckdb": _duckdb,
    "mkdir": _mkdir,
}
