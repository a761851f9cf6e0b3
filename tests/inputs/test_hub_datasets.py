import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embstore.errors import CorpusError
from embstore.inputs import hub_datasets
from embstore.inputs.corpus import open_corpus
from embstore.inputs.hub_datasets import DatasetAddress, parse_address

needs_datasets = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="needs the hf extra"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set of two splits, the one of JSON lines."""
    folder = tmp_path / "private" / "notes"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text(
        '{"text": "one\\r\\n", "meta": {"t": "eins"}}\n'
        '{"text": null, "meta": {"t": null}}\n'
        '{"text": "two", "meta": {"t": "zwei"}}\n'
    )
    (folder / "test.jsonl").write_text('{"text": "three", "meta": {"t": "drei"}}\n')
    return folder


@pytest.mark.parametrize(
    ("spec", "path", "config", "split"),
    [
        ("hf:imdb", "imdb", None, "train"),
        ("hf:imdb:test", "imdb", None, "test"),
        ("hf:owner/name", "owner/name", None, "train"),
        ("hf:owner/name/conf-1.v2", "owner/name", "conf-1.v2", "train"),
        ("hf:owner/name/conf:test", "owner/name", "conf", "test"),
        ("hf:owner/name:train[:5%]", "owner/name", None, "train[:5%]"),
    ],
)
def test_address(spec: str, path: str, config: str | None, split: str) -> None:
    assert parse_address(spec) == DatasetAddress(path, config, split, False)


def test_name_is_the_address_without_the_usual_split() -> None:
    assert parse_address("hf:owner/name/conf:train").name == "owner/name/conf"
    assert parse_address("hf:owner/name:test").name == "owner/name:test"


@pytest.mark.parametrize(
    "spec", ["hf:", "hf:a/b/c/d", "hf:/absent/folder", "hf:a//b", "hf::test", "hf:./a", "hf:~/a"]
)
def test_no_address(spec: str) -> None:
    with pytest.raises(CorpusError, match=rf"^corpus {spec}: not the address of a data set, .*"):
        open_corpus(spec)


@needs_datasets
def test_folder_of_json_lines(folder: Path) -> None:
    with open_corpus(f"hf:{folder}") as text:
        assert (text.corpus.name, text.corpus.source) == ("notes", "hf:notes")
        assert text.corpus.n_documents == 2
        assert text.read(0, 99) == "one\n\ntwo"
    with open_corpus(f"hf:{folder}:test", text_field="meta.t") as text:
        assert (text.corpus.name, text.corpus.source) == ("notes:test", "hf:notes:test")
        assert text.read(0, 99) == "drei"


@needs_datasets
def test_folder_of_parquet_has_the_fingerprint_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": range(500), "body": [f"Text {i}." for i in range(500)]}), path)
    with (
        open_corpus(f"hf:{tmp_path}", text_field="body") as streamed,
        open_corpus(path, text_field="body") as read,
    ):
        assert streamed.corpus.n_documents == 500
        assert streamed.corpus.sha256 == read.corpus.sha256


@needs_datasets
@pytest.mark.parametrize(
    "content",
    [
        "First line.\nSecond line.\n\nNew paragraph.\n",
        "\ufeffOne line, after a byte order mark.",
        "Lines\r\nof Windows\r\n\r\n\r\nand many blank ones.\r\n\r\n",
    ],
)
def test_folder_of_plain_text_has_the_fingerprint_of_its_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content.encode())
    with open_corpus(f"hf:{tmp_path}") as streamed, open_corpus(path) as read:
        assert streamed.corpus.n_documents == read.corpus.n_documents == 1
        assert streamed.corpus.sha256 == read.corpus.sha256


@needs_datasets
def test_each_file_of_plain_text_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "b.txt").write_text("three")
    with open_corpus(f"hf:{tmp_path}") as text:
        assert text.corpus.n_documents == 2
        assert text.read(0, 99) == "one\ntwo\n\n\nthree"


@needs_datasets
def test_missing_split_and_field(folder: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"Bad split: dev\. Available splits: \['train', 'test'\]"
    ):
        open_corpus(f"hf:{folder}:dev")
    with pytest.raises(CorpusError, match=r": no column 'body'; it has 'text', 'meta'; name one"):
        open_corpus(f"hf:{folder}", text_field="body")
    with pytest.raises(CorpusError, match=r": record 1: no field 'meta\.u'; it has 'meta\.t'; "):
        open_corpus(f"hf:{folder}", text_field="meta.u")


@needs_datasets
def test_damaged_file(folder: Path) -> None:
    (folder / "train.jsonl").write_text('{"text": "one"}\n{"text": ')
    with pytest.raises(CorpusError, match=r"data set .* cannot be read \(") as caught:
        open_corpus(f"hf:{folder}")
    assert "\n" not in str(caught.value)


@needs_datasets
def test_code_of_a_data_set_is_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "trap"
    folder.mkdir()
    (folder / "trap.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(CorpusError, match=r"data set .* cannot be read \("):
        open_corpus(f"hf:{folder}")
    assert not (tmp_path / "ran").exists()


@needs_datasets
def test_hub_that_cannot_be_reached() -> None:
    with pytest.raises(
        CorpusError,
        match=r"^corpus hf:nobody/nothing: data set 'nobody/nothing' cannot be read \(.*\); connect"
        r" to the network, or give hf: and a folder",
    ):
        open_corpus("hf:nobody/nothing")


def test_unknown_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError("Dataset 'a/b' doesn't exist\non the Hub")

    fake = SimpleNamespace(load_dataset_builder=refuse)
    monkeypatch.setitem(__import__("sys").modules, "datasets", fake)
    monkeypatch.setattr(hub_datasets, "find_spec", lambda _: object())
    with pytest.raises(CorpusError, match=r"\(Dataset 'a/b' doesn't exist on the Hub\); check its"):
        open_corpus("hf:a/b")


def test_extra_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_datasets, "find_spec", lambda _: None)
    with pytest.raises(CorpusError, match=r"run: pip install 'embstore\[hf\]'$"):
        open_corpus("hf:imdb")
