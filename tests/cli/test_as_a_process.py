"""Asking in a process of its own: exit codes, streams, terminals, and what it imports."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import command, embstore
from tests.processes import imported

pytestmark = pytest.mark.slow


def test_exit_codes_and_one_line_errors(store: Path) -> None:
    for code, arguments in (
        (1, ["query", "nothing"]),
        (1, ["query", "layer_profile", "-p", "metric=foo"]),
        (2, ["query", "runs", "-f", "xml"]),
        (2, ["ls", "layers"]),
        (3, ["info", "-s", store.parent]),
    ):
        done = embstore(*arguments, EMBSTORE_STORE=str(store))
        assert done.returncode == code, done.stderr
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""


def test_a_reader_that_leaves_is_no_error(store: Path) -> None:
    text = "SELECT a.range AS n FROM range(200000) AS a ORDER BY 1"
    with subprocess.Popen(
        command("sql", text, "-s", store), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"n\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_behind_stdout_is_one_line(store: Path) -> None:
    asked = command("query", "runs", "-s", store)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(asked, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr == b"error: cannot write to standard output: no space left on device\n"


@pytest.mark.parametrize(("no_color", "bold"), [("", True), ("1", False)])
def test_a_terminal_gets_a_table_that_fits(store: Path, no_color: str, bold: bool) -> None:
    ours, theirs = pty.openpty()
    asked = command("query", "provenance", "-s", store)
    environment = {**os.environ, "COLUMNS": "50", "NO_COLOR": no_color}
    done = subprocess.run(asked, stdout=theirs, stderr=subprocess.PIPE, env=environment, check=True)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert ("\x1b[1m" in shown) is bold
    lines = shown.replace("\x1b[1m", "").replace("\x1b[0m", "").split("\r\n")
    # What all rows share stands above.
    assert lines[0].startswith("revision main · scope all")
    assert lines[lines.index("") + 1].split()[:2] == ["model", "layer"]
    assert max(map(len, lines)) <= 50
    assert b" fit this terminal: " in done.stderr


def test_a_question_imports_no_pandas(store: Path) -> None:
    code = (
        "import sys\nfrom embstore.api.store import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "store.query('peak_layer', models=['lab/decoder'])\n"
        "repr(store.query('runs'))\n"
        "import io\nfrom embstore.cli.output import render\n"
        "for name in ('runs', 'layer_profile', 'models'):\n"
        "    answer = store.query(name)\n"
        "    answer.at_a_glance(80)\n"
        "    for format_ in ('csv', 'json', 'md', 'table'):\n"
        "        render(answer.table, format_, io.BytesIO())\n"
    )
    assert not {"pandas", "torch", "scipy", "altair"} & imported(code, store)


def test_quiet_silences_messages_but_not_data(empty: Path) -> None:
    done = embstore("-q", "ls", "models", "-s", empty)
    assert done.stderr == ""
    assert done.stdout.startswith("model,")


def test_asking_imports_no_torch_and_no_pandas(store: Path, tmp_path: Path) -> None:
    asked = [
        ["query", "layer_profile", "-p", "metric=twonn", "-s", str(store)],
        ["chart", "layer_profile", "-s", str(store), "-o", str(tmp_path / "x.svg")],
        ["ls", "metrics"],
        ["info", "-s", str(store)],
        ["sql", "SELECT $n AS n, now() AS t", "-p", "n=1", "-s", str(store)],
        ["-q", "compare", "lab/decoder", "lab/encoder", "-s", str(store)],
        ["report", "-s", str(store), "-o", str(tmp_path / "report.html")],
    ]
    code = (
        "import sys\nfrom embstore.cli.main import main\n"
        f"for arguments in {asked!r}:\n"
        "    sys.argv = ['embstore', *arguments]\n"
        "    try:\n        main()\n    except SystemExit as end:\n        assert not end.code\n"
    )
    assert not {"torch", "transformers", "lark", "pandas"} & imported(code)
