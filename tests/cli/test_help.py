"""Help at 80 columns: whole, grouped, and about the command it is asked of."""

import pytest
import typer
from typer.core import TyperGroup

from embstore.cli.main import app
from tests.cli.running import embstore
from tests.processes import imported

_ALL = typer.main.get_command(app)
assert isinstance(_ALL, TyperGroup)
_STUDY = _ALL.commands["study"]
assert isinstance(_STUDY, TyperGroup)
COMMANDS = [
    (),
    *((name,) for name in _ALL.commands),
    *(("study", name) for name in _STUDY.commands),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_is_whole_at_eighty_columns(words: tuple[str, ...]) -> None:
    lines = embstore(*words, "--help", COLUMNS="80").stdout.splitlines()
    assert lines[1].split()[: 2 + len(words)] == ["Usage:", "embstore", *words]
    assert not [line for line in lines if "…" in line]
    assert max(map(len, lines)) <= 80


def panels(*words: str) -> list[str]:
    shown = embstore(*words, "--help", COLUMNS="80").stdout
    return [line.strip("╭╮─ ") for line in shown.splitlines() if line.startswith("╭")]


def test_commands_and_options_are_grouped() -> None:
    assert panels() == ["Options", "Measure", "Ask", "Keep and share"]
    assert panels("ingest") == [
        *("Arguments", "Options", "What is measured", "Store", "How", "Machine", "Trust", "Output"),
    ]
    assert panels("query") == ["Arguments", "Options", "Store", "Output"]


@pytest.mark.parametrize("words", [(), ("ingest",), ("query",)])
def test_help_waits_for_nothing_that_takes_long(words: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom embstore.cli.main import main\nsys.argv = ['embstore', *{words}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
    ).format(words=[*words, "--help"])
    assert not {"numpy", "pyarrow", "duckdb", "scipy", "torch", "numba"} & imported(code)
