"""What a shell offers after -p."""

import tempfile
from pathlib import Path

import pytest

from embstore.cli.completing import parameters_and_values
from tests.cli.running import embstore
from tests.store.old_stores import unpack
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completing") / "embstore.duckdb"
    new_store(path, [make_run(name="lab/decoder"), make_run(name="lab/encoder", kind="encoder")])
    return path


def offered(store: Path | str, incomplete: str, question: str = "layer_profile") -> list[str]:
    return parameters_and_values(incomplete, question=question, store=str(store), queries=())


def test_names_come_from_the_question_and_values_from_the_store(store: Path) -> None:
    assert {"metric=", "models=", "by=", "final_norm="} <= set(offered(store, "m"))
    assert offered(store, "models=") == ["models=lab/decoder", "models=lab/encoder"]
    assert offered(store, "models=lab/decoder,l")[1] == "models=lab/decoder,lab/encoder"
    assert offered(store, "by=") == ["by=depth", "by=layer"]
    assert offered(store, "final_norm=") == ["final_norm=true", "final_norm=false"]
    assert "metric=twonn" in offered(store, "metric=t")


@pytest.mark.parametrize(
    ("incomplete", "question"),
    [("m", "no_such_question"), ("nothing=", "layer_profile"), ("m", "")],
)
def test_errors_are_silent(store: Path, incomplete: str, question: str) -> None:
    assert offered(store, incomplete, question) == []


def test_a_store_that_cannot_be_asked_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("no store")
    for name in ("nowhere.duckdb", "text.duckdb"):
        assert offered(tmp_path / name, "models=") == []
        assert "models=" in offered(tmp_path / name, "m")


@pytest.mark.parametrize("command", ["query", "chart"])
def test_a_shell_gets_them(store: Path, command: str) -> None:
    def shell(word: str) -> list[str]:
        line = f"embstore {command} layer_profile -s {store} -p {word}"
        said = embstore(
            _EMBSTORE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(line.count(" "))
        )
        assert (said.returncode, said.stderr) == (0, "")
        return said.stdout.split()

    assert shell("me") == ["metric="]
    assert shell("models=lab/e") == ["models=lab/encoder"]
    assert shell("nothing=") == []


def test_an_older_store_is_not_copied_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    older = unpack("0007", tmp_path / "older.duckdb")
    assert offered(older, "models=") == []
    assert "models=" in offered(older, "m")
    assert caplog.records == []
