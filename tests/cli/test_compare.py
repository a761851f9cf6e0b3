import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from embstore.cli import compare
from embstore.errors import QueryError, UsageError
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "embstore.duckdb"
    new_store(
        path,
        [
            make_run(name="lab/decoder"),
            make_run(name="lab/encoder", kind="encoder", n_layers=6),
        ],
    )
    return path


def run(store: Path, *arguments: object) -> Result:
    return CliRunner().invoke(compare.app, [*map(str, arguments), "-s", str(store)])


def test_rows_to_stdout_and_what_to_know_to_stderr(store: Path) -> None:
    result = run(store, "lab/decoder", "lab/encoder", "-m", "twonn", "--scope", "all", "-f", "json")
    rows = json.loads(result.stdout)
    assert [row["part"] for row in rows[-3:]] == ["mean", "peak_value", "peak_depth"]
    assert rows[0]["difference"] == 4.0
    assert rows[0]["differs"] in {True, False}
    notes = result.stderr.splitlines()
    assert notes[0].startswith("note: A is lab/decoder@main, run ")
    assert "note: A has 4 blocks and B 6: compared at the depths of A" in notes[2]
    assert "of 5 layer differences exceed" in notes[3]


def test_fits_a_terminal_of_eighty_characters(store: Path) -> None:
    from embstore.api.store import open_store
    from embstore.tables.text import aligned
    from embstore.tables.values import plain_rows

    answer = open_store(store).compare("lab/decoder", "lab/encoder")
    shown, hidden = aligned(answer.column_names, list(plain_rows(answer.table)), width=80)
    head = shown.splitlines()[0].split()
    found = ["metric", "scope", "part", "depth", "difference", "differs"]
    assert head == [*found, "a", "b"]
    # What was asked for is there on a narrow terminal, too.
    narrow, _ = aligned(answer.column_names, list(plain_rows(answer.table)), width=60)
    assert narrow.splitlines()[0].split()[:5] == found[:5]
    assert set(hidden) >= {"ci_low", "ci_high", "reason"}


def test_summary_leaves_the_layers_out(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    result = run(store, "lab/decoder", "lab/encoder", "--summary", "-m", "twonn", "-o", file)
    assert result.stdout == ""
    head, *rows = file.read_text().splitlines()
    assert head.startswith("metric,scope,part,")
    assert len(rows) == 6


def test_several_may_stand_in_one_option_or_in_several(store: Path) -> None:
    models = ("lab/decoder", "lab/encoder", "--summary", "-f", "csv")
    joined = run(store, *models, "-m", "twonn, anisotropy", "--scope", "all,no_sinks")
    apart = run(
        store,
        *models,
        *("-m", "twonn", "-m", "anisotropy", "--scope", "all", "--scope", "no_sinks"),
    )
    assert joined.stdout == apart.stdout
    assert len(joined.stdout.splitlines()) == 1 + 2 * 2 * 3


def test_layers_may_be_matched_by_number(store: Path) -> None:
    result = run(store, "lab/decoder", "lab/encoder", "--by", "layer", "-m", "twonn", "-f", "json")
    rows = json.loads(result.stdout)
    assert [row["layer"] for row in rows[:5]] == [0, 1, 2, 3, 4]
    assert "layers of the same number are at different depths" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["lab/decoder", "lab/encodr"], QueryError, "(did you mean lab/encoder"),
        (["lab/decoder", "lab/encoder", "-m", "anisotrpy"], QueryError, "mean anisotropy?"),
        (["lab/decoder", "lab/encoder", "--by", "x"], UsageError, "choose layer or depth"),
        (["lab/decoder", "lab/encoder", "--scope", "x"], UsageError, "unknown scope 'x'"),
        (["lab/decoder", "lab/encoder", "--scope", ""], UsageError, "out for all and no_sinks"),
        (["lab/decoder", "lab/encoder", "-m", ","], UsageError, "leave --metric out for the main"),
        (["lab/decoder", "lab/encoder", "-f", "x"], UsageError, "unknown format 'x'"),
    ],
)
def test_bad_input(store: Path, arguments: list[str], kind: type[Exception], message: str) -> None:
    result = run(store, *arguments)
    assert type(result.exception) is kind
    assert message in str(result.exception)
    assert result.stdout == ""


def at_eighty(monkeypatch: pytest.MonkeyPatch, store: Path, *arguments: str) -> list[str]:
    """Return the lines that a terminal of 80 characters is shown."""
    monkeypatch.setattr("embstore.cli.output._goes_to_a_terminal", lambda _: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    return run(store, "lab/decoder", "lab/encoder", "-f", "table", *arguments).stdout.splitlines()


def test_a_terminal_is_told_the_verdict_and_the_summary(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = at_eighty(monkeypatch, store)
    assert lines[0].startswith("lab/encoder does not differ from lab/decoder by more than its ")
    assert max(map(len, lines)) <= 80
    head = next(line for line in lines if line.startswith("metric"))
    assert head.split()[:7] == ["metric", "scope", "part", "difference", "differs", "a", "b"]
    assert {line.split()[2] for line in lines[lines.index(head) + 2 :]} == {
        *("mean", "peak_value", "peak_depth")
    }


def test_layers_are_shown_on_request(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short, whole = (at_eighty(monkeypatch, store, *more) for more in ((), ("--layers",)))
    assert len(whole) == len(short) + 3 * 2 * 5


def test_layers_and_only_the_summary_cannot_both_be_asked_for(store: Path) -> None:
    result = run(store, "lab/decoder", "lab/encoder", "--layers", "--summary")
    assert type(result.exception) is UsageError
    assert "--summary leaves out what --layers shows" in str(result.exception)
