"""What a shell offers for a word that is being typed."""

import gzip
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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
    assert offered(store, "models=lab/decoder,l") == ["models=lab/decoder,lab/encoder"]
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


def shell(line: str) -> list[str]:
    """Return what the shell offers for the last word of a line."""
    said = embstore(
        _EMBSTORE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(line.count(" "))
    )
    assert (said.returncode, said.stderr) == (0, "")
    return said.stdout.split()


@pytest.mark.parametrize("command", ["query", "chart"])
def test_a_shell_gets_them(store: Path, command: str) -> None:
    line = f"embstore {command} layer_profile -s {store} -p"
    assert shell(f"{line} me") == ["metric="]
    assert shell(f"{line} models=lab/e") == ["models=lab/encoder"]
    assert shell(f"{line} nothing=") == []


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("ingest gpt2 --metrics core,ani", ["core,anisotropy"]),
        ("ingest gpt2 --metrics de", ["default"]),
        ("ingest gpt2 --metrics default,core,de", []),
        ("ingest gpt2 --scopes all,no_", ["all,no_first", "all,no_sinks"]),
        ("compare a b --metric twonn,twonn_", ["twonn,twonn_low20", "twonn,twonn_ml"]),
        ("compare a b --scope no_sinks,n", ["no_sinks,no_first"]),
        ("report -s {store} --models lab/decoder,", ["lab/decoder,lab/encoder"]),
        ("report -s {store} --metrics twonn,an", ["twonn,anisotropy"]),
        ("report -s nowhere.duckdb --models l", []),
        ("measure {table}.csv --columns x,", ["x,y", "x,id"]),
        ("measure {table}.csv.gz --ignore i", ["id"]),
        ("measure {table}.parquet --ignore x,y,", ["x,y,id"]),
        ("measure {table}.npy --columns x", []),
        ("measure nowhere.csv --columns x", []),
    ],
)
def test_lists_go_on_after_their_last_comma(
    store: Path, tmp_path: Path, line: str, offers: list[str]
) -> None:
    text = b"x,y,id\n1,2,a\n3,4,b\n"
    (tmp_path / "t.csv").write_bytes(text)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text))
    pq.write_table(pa.table({"x": [1.0], "y": [2.0], "id": ["a"]}), tmp_path / "t.parquet")
    found = shell("embstore " + line.format(store=store, table=tmp_path / "t"))
    assert sorted(found) == sorted(offers)


def test_an_older_store_is_not_copied_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    older = unpack("0007", tmp_path / "older.duckdb")
    assert offered(older, "models=") == []
    assert "models=" in offered(older, "m")
    assert caplog.records == []
