from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from embstore.cli import report
from embstore.errors import EmbstoreError, QueryError, StoreError, UsageError
from tests.stores import new_store
from tests.synthetic import make_run


def run(*arguments: object) -> Result:
    return CliRunner().invoke(report.app, [str(argument) for argument in arguments])


def test_a_page_is_written_and_told(store: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = run("-s", store, "-o", page, "--title", "Two models")
    assert result.exception is None
    assert result.stdout == ""
    assert f"wrote {page} (2 runs, " in result.stderr
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "<h1>Two models</h1>" in page.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_dash_writes_to_standard_output(store: Path) -> None:
    result = run("-s", store, "-o", "-", "--models", "lab/decoder", "--metrics", "twonn,anisotropy")
    assert result.exception is None
    assert result.stdout.startswith("<!doctype html>")
    assert "1 model, 1 checkpoint, 1 run, 1 text" in result.stdout


@pytest.mark.slow
def test_a_model_with_a_comma_in_its_name_is_one(tmp_path: Path) -> None:
    database = new_store(tmp_path / "s.duckdb", [make_run(name=name) for name in ("a,b", "c", "d")])

    def runs(*models: str) -> str:
        given = [word for model in models for word in ("--models", model)]
        return run("-s", database.path, "-o", tmp_path / "p.html", *given).stderr

    assert "(1 runs," in runs("a,b")
    assert "(2 runs," in runs("c,d")
    assert "(3 runs," in runs("a,b", "c,d")


def test_an_empty_store_is_no_error(tmp_path: Path) -> None:
    store = new_store(tmp_path / "empty.duckdb").path
    result = run("-s", store, "-o", tmp_path / "empty.html")
    assert result.exception is None
    assert "wrote" in result.stderr
    assert "Nothing has been measured yet" in (tmp_path / "empty.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["-o", "report.pdf"], UsageError, "has suffix '.pdf'; expected .html or .htm"),
        (["-o", "report"], UsageError, "has no suffix"),
        (["--models", "lab/decodr", "-o", "x.html"], QueryError, "did you mean lab/decoder"),
        (["--metrics", "twon", "-o", "x.html"], QueryError, "no metric 'twon'"),
        (
            ["--models", "", "-o", "x.html"],
            UsageError,
            "--models is empty; name at least one, or leave --models out for all",
        ),
        (["--metrics", " , ", "-o", "x.html"], UsageError, "--metrics is empty; name at least"),
        (["-o", "missing/x.html"], EmbstoreError, "no folder 'missing'"),
    ],
)
def test_refusals_say_what_to_do(
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    error: type[EmbstoreError],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("-s", store, *arguments)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_no_store_is_a_store_error(tmp_path: Path) -> None:
    result = run("-s", tmp_path / "none.duckdb", "-o", tmp_path / "x.html")
    assert isinstance(result.exception, StoreError)
