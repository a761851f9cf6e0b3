"""A command whose standard streams are closed, full or of another encoding."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import command
from tests.stores import new_store
from tests.synthetic import make_run

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return new_store(tmp_path / "é—x.duckdb", [make_run(name="lab/a", tags={"lab": "x"})]).path


def shell(*arguments: str | Path, then: str = "", **environment: str) -> tuple[int, str, str]:
    """Run a command with redirections of a shell; return its code and what it said."""
    words = f"exec {shlex.join(command(*arguments))} {then}"
    done = subprocess.run(
        ["/bin/sh", "-c", words],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_closed_output_is_an_error_only_where_something_is_written(store: Path) -> None:
    closed = "error: cannot write to standard output: bad file descriptor\n"
    assert shell("sql", "SELECT 1", "-s", store, then=">&-") == (1, "", closed)
    assert shell("--help", then=">&-") == (1, "", closed)
    file = store.with_name("x.csv")
    assert shell("sql", "SELECT 1 AS n", "-s", store, "-o", file, then=">&-") == (0, "", "")
    assert file.read_text() == "n\n1\n"


def test_a_closed_input_is_an_empty_one_and_closed_errors_go_nowhere(store: Path) -> None:
    code, _out, said = shell("sql", "-", "-s", store, then="<&-")
    assert (code, said) == (1, "error: expected one SQL statement, found 0\n")
    assert shell("tag", "00000000", "a=b", "-s", store, then="2>&-") == (1, "", "")
    # What is printed must not go into a file that has taken the place of a stream.
    assert shell("sql", "SELECT 1 AS n", "-s", store, then="<&- 2>&-") == (0, "n\n1\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_behind_help_is_one_line(store: Path) -> None:
    for words in (("--help",), ("--version",), ("sql", "--help")):
        said = "error: cannot write to standard output: no space left on device\n"
        assert shell(*words, then="> /dev/full") == (1, "", said)
    code, out, _said = shell("rm", "--model", "lab/a", "-s", store, then="2> /dev/full")
    assert (code, "lab/a" in out) == (0, True)


def test_names_with_any_letter_work_in_any_locale(store: Path) -> None:
    folder = store.parent
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    def ok(*arguments: str | Path) -> tuple[str, str]:
        code, out, said = shell(*arguments, **plain)
        assert code == 0, said
        return out, said

    assert str(store) in ok("info", "-s", store, "-f", "csv")[0]
    assert ok("export", folder / "ü", "-s", store)[1].startswith(f"exported to {folder / 'ü'}: 1")
    assert "1 run new" in ok("merge", store, "-s", folder / "néw.duckdb")[1]
    assert "lab/a" in ok("ls", "runs", "--tag", "lab=x", "-s", folder / "ü")[0]
    assert ok("rename", "lab/a", "é", "-s", store)[1] == "renamed lab/a to é (1 run)\n"
    assert "é" in ok("ls", "models", "-s", store)[0]


def test_a_name_that_is_no_utf8_is_refused_in_a_line(tmp_path: Path, store: Path) -> None:
    there = Path(f"{tmp_path}/\udcff.duckdb")
    there.write_bytes(store.read_bytes())
    for words in (("info",), ("tag", "00000000", "a=b"), ("ls", "runs", "--tag", "a=b")):
        code, _out, said = shell(*words, "-s", there)
        assert (code, said.count("\n")) == (3, 1)
        assert "DuckDB needs a path that is UTF-8; rename it" in said
