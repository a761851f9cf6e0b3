"""A command line that cannot be read: one line on stderr, and exit code 2."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

import embstore
from tests.cli.running import embstore as run_embstore


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: object
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run() -> Run:
    """The whole command line."""

    def run_(*arguments: str) -> Said:
        done = run_embstore(*arguments)
        return Said(done.returncode, done.stdout, done.stderr)

    return run_


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "query --sho",
            "embstore query has no option --sho (did you mean --show or --store?); "
            "see embstore query --help",
        ),
        ("query runs -z", "embstore query has no option -z; see embstore query --help"),
        ("--versoin", "embstore has no option --versoin (did you mean --version or"),
        ("query", "missing argument 'NAME'; see embstore query --help"),
        ("compare a", "missing argument 'B'; see embstore compare --help"),
        ("chart layer_profile", "say where the chart goes: -o FILE writes it, --open shows it"),
        ("ingest m --tokens many", "invalid value for '--tokens': Input should be a valid integer"),
        ("measure x.npy --sample 1.5", "valid integer, unable to parse string as an integer; see"),
        ("ingest m --tokens -3", "tokens must be at least 1, not -3"),
        ("ingest m --seed=-1", "seed must be at least 0, not -1"),
        ("quer runs", "no such command 'quer'. Did you mean 'query'? See embstore --help"),
        ("nonsense", "no such command 'nonsense'; see embstore --help"),
        ("study valdate x", "command 'valdate'. Did you mean 'validate'? See embstore study -"),
        ("ls models b c", "got unexpected extra argument(s) (b c); see embstore ls --help"),
        ("query p metric=mle", "(metric=mle); write a parameter as -p metric=mle; see embstore"),
        ("query p --metric mle", "no option --metric; write a parameter as -p metric=VALUE; se"),
        ("info a.duckdb", "(a.duckdb); write the store as --store a.duckdb; see embstore info"),
        ("report a.html", "(a.html); write the output file as -o a.html; see embstore repo"),
        ("sql SELECT 1", "(1); put the SQL in quotes; see embstore sql --help"),
        ("sql SELECT a WHERE b=1", "(a WHERE b=1); put the SQL in quotes; see"),
        ("layers", "no such command 'layers'; ask this question as embstore query layers; see"),
        ("query runs --store", "option '--store' requires an argument"),
        ("query runs -s", "option '-s' requires an argument"),
        ("--quiet=3 ls metrics", "option '--quiet' does not take a value"),
    ],
)
def test_one_line_says_what_is_wrong_and_where_to_look(run: Run, line: str, message: str) -> None:
    said = run(*line.split())
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert message in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--store x query runs", "option --store goes after the command, as in embstore query --s"),
        ("--models a report", "option --models goes after the command, as in embstore report --m"),
        ("query runs -q", "option -q goes before the command, as in embstore -q query"),
        ("study ls -v", "option -v goes before the command, as in embstore -v study ls"),
    ],
)
def test_an_option_in_the_wrong_place_is_told_the_right_one(
    run: Run, line: str, message: str
) -> None:
    said = run(*line.split())
    assert said.code == 2
    assert said.err.startswith(f"error: {message}")


def test_what_was_typed_neither_breaks_the_line_nor_drives_the_terminal(run: Run) -> None:
    said = run("ls", "models", "b\nc\x1b[31m")
    assert said.err.count("\n") == 1
    assert "\x1b" not in said.err
    assert run("\x1b[31m").err.startswith("error: no such command '\\x1b[31m'")


def test_debug_shows_no_traceback_of_a_line_that_cannot_be_read(run: Run) -> None:
    assert (
        run("--debug", "query").err == "error: missing argument 'NAME'; see embstore query --help\n"
    )


def test_help_and_version_are_as_before(run: Run) -> None:
    for arguments, code in (
        (["--help"], 0),
        (["-h"], 0),
        (["query", "--help"], 0),
        ([], 2),
        (["study"], 2),
    ):
        said = run(*arguments)
        assert (said.code, said.err) == (code, "")
        assert "Usage: embstore" in said.out
    assert run("--version") == Said(0, f"embstore {embstore.__version__}\n", "")


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (typer.Exit(4), 4, ""),
        (typer.Exit(0), 0, ""),
        (typer.Abort(), 1, "error: aborted\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
    ],
)
def test_other_ends_keep_their_codes(
    run: Run, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, message: str
) -> None:
    def end(*_: object) -> None:
        raise raised

    monkeypatch.setattr("embstore.cli.output.choose_format", end)
    assert run("ls", "metrics") == Said(code, "", message)


def completed(words: str, tmp_path: Path) -> list[str]:
    done = run_embstore(
        cwd=tmp_path,
        _EMBSTORE_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_a_broken_query_does_not_stop_completion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "layer_broken.sql").write_text("-- titel: x\nSELECT 1")
    monkeypatch.setenv("EMBSTORE_QUERIES", str(tmp_path))
    assert completed("embstore query layer_", tmp_path) == ["layer_profile"]


def test_the_shell_completes_commands_and_values(tmp_path: Path) -> None:
    assert completed("embstore que", tmp_path) == ["query"]
    assert completed("embstore query layer_pr", tmp_path) == ["layer_profile"]
