"""What a command keeps from being imported by the way."""

import sys

import pytest
import typer.main

from embstore.cli.light_imports import _ASKING, skip_pandas
from embstore.cli.main import app


@pytest.mark.parametrize(
    ("words", "kept_out"),
    [
        (["query", "runs"], True),
        (["-q", "--debug", "report"], True),
        (["ingest", "query"], False),
        (["--help"], False),
        ([], False),
    ],
)
def test_only_commands_that_ask_do_without_pandas(
    monkeypatch: pytest.MonkeyPatch, words: list[str], kept_out: bool
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "pandas"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    n = len(sys.meta_path)
    skip_pandas(words)
    assert len(sys.meta_path) == n + kept_out
    if kept_out:
        with pytest.raises(ModuleNotFoundError, match="do without pandas"):
            import pandas  # noqa: F401


def test_where_it_is_imported_already_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", sys)
    before = list(sys.meta_path)
    skip_pandas(["query", "runs"])
    assert sys.meta_path == before


def test_they_are_commands() -> None:
    commands = typer.main.get_command(app)
    assert isinstance(commands, typer.core.TyperGroup)
    assert commands.commands.keys() >= _ASKING
