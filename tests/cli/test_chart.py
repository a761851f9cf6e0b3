import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from embstore.charts import build
from embstore.cli.main import app
from embstore.cli.viewer import open_file
from embstore.errors import EmbstoreError, QueryError, UsageError
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_store(tmp_path_factory.mktemp("chart") / "a.duckdb", [make_run()]).path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was shown, in place of a browser."""
    shown: list[str] = []

    def open_it(file: Path) -> bool:
        shown.append(str(file))
        return True

    monkeypatch.setattr("embstore.cli.chart.open_file", open_it)
    return shown


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["chart", *map(str, arguments)])


@pytest.mark.slow
def test_several_files_are_written_from_one_drawing(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def counted(*args: object, **kwds: object) -> object:
        drawn.append(1)
        return build.build_chart(*args, **kwds)  # type: ignore[arg-type]

    monkeypatch.setattr("embstore.charts.draw.build_chart", counted)
    files = [tmp_path / f"a.{suffix}" for suffix in ("svg", "json", "png")]
    outputs = [part for file in files for part in ("-o", file)]
    result = run("layer_profile", "-s", store, *outputs)
    assert result.exception is None
    assert result.stderr == "".join(f"wrote {file}\n" for file in files)
    assert files[0].read_text().startswith("<svg")
    assert files[2].read_bytes().startswith(b"\x89PNG")
    assert drawn == [1]


def test_nothing_is_written_if_one_suffix_is_wrong(store: Path, tmp_path: Path) -> None:
    result = run("layer_profile", "-s", store, "-o", tmp_path / "a.svg", "-o", tmp_path / "a.gif")
    assert isinstance(result.exception, UsageError)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_open_shows_a_page(store: Path, opened: list[str]) -> None:
    result = run("layer_profile", "-s", store, "--open")
    assert result.exception is None
    (shown,) = opened
    assert result.stderr == f"wrote {shown}\n"
    page = Path(shown)
    try:
        assert page.name == "layer_profile.html"
        assert page.read_text().startswith("<!DOCTYPE html>")
    finally:
        page.unlink()
        page.parent.rmdir()


@pytest.mark.slow
def test_open_shows_the_first_picture(store: Path, tmp_path: Path, opened: list[str]) -> None:
    files = (tmp_path / "a.json", tmp_path / "a.svg")
    result = run("layer_profile", "-s", store, "--open", *(p for f in files for p in ("-o", f)))
    assert result.exception is None
    assert opened == [str(tmp_path / "a.svg")]


def test_without_a_program_to_show_it_the_file_is_named(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embstore.cli.chart.open_file", lambda _file: False)
    result = run("layer_profile", "-s", store, "--open", "-o", tmp_path / "a.svg")
    assert isinstance(result.exception, EmbstoreError)
    assert str(result.exception) == (
        f"wrote {tmp_path / 'a.svg'}, but found no program to show it; open it yourself"
    )
    assert (tmp_path / "a.svg").exists()


def test_a_chart_goes_somewhere(store: Path) -> None:
    result = run("layer_profile", "-s", store)
    assert isinstance(result.exception, UsageError)
    assert "-o FILE writes it, --open shows it" in str(result.exception)


def test_a_misspelt_question_is_told_before_the_missing_file() -> None:
    result = run("layer_profil")
    assert isinstance(result.exception, QueryError)
    assert "did you mean layer_profile" in str(result.exception)


@pytest.mark.parametrize("name", ["columns", "theme"])
def test_a_parameter_that_is_called_as_an_option_is_one_as_any(
    name: str, store: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    result = run("layer_profile", "-s", store, "-p", f"{name}=1", "-o", file)
    assert isinstance(result.exception, UsageError)
    assert f"no parameter '{name}'" in str(result.exception)
    (tmp_path / "mine.sql").write_text(
        f"-- title: Mine\n-- param {name} VARCHAR: which\n-- chart: mark=point x=a:Q y=b:Q\n"
        f"SELECT 1 AS a, length(${name}) AS b"
    )
    mine = ("mine", "-s", store, "--queries", tmp_path, "-o", file)
    result = run(*mine, "-p", f"{name}=four", "--columns", "2", "--theme", "dark")
    assert result.exception is None
    assert file.exists()


@pytest.mark.parametrize(
    ("code", "there"), [("exit 3", False), ("exit 0", True), ("exec sleep 2", True)]
)
def test_a_desktop_that_cannot_open_it_is_noticed(
    code: str, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text(f"#!/bin/sh\necho cannot >&2\n{code}\n")
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("embstore.cli.viewer._SECONDS", 0.5)
    assert open_file(tmp_path / "a.html") is there
