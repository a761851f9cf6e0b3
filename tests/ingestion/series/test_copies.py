"""Checkpoints with the weights of another one are told, whatever their files look like."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoModel

import embstore
from embstore.ingestion.duplicates import SharedFiles

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"tokens": 64, "window": 32, "sample": 50, "pairs": False, "scopes": "all"}


@pytest.fixture
def series(tiny_llama: Path, tmp_path: Path) -> Path:
    """The same tensors three times: as they were, with other metadata, and in three shards."""
    folder = tmp_path / "series"
    for step in (1, 2, 3):
        shutil.copytree(tiny_llama, folder / f"checkpoint-{step}")
    second = folder / "checkpoint-2" / "model.safetensors"
    save_file(load_file(second), second, {"format": "pt", "written": "later"})
    (folder / "checkpoint-3" / "model.safetensors").unlink()
    model = AutoModel.from_pretrained(tiny_llama)
    model.save_pretrained(folder / "checkpoint-3", max_shard_size="60KB")
    assert len(list((folder / "checkpoint-3").glob("*.safetensors"))) > 1
    return folder


def test_equal_tensors_in_other_bytes_are_copies(series: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    first = "checkpoint-1"
    for status in ("measured", "stored"):
        found = embstore.ingest(series, corpus=text, store=store, **SMALL)
        assert [outcome.status for outcome in found] == [status] * 3
        assert [outcome.duplicate_of for outcome in found] == [None, first, first]
        assert [outcome.shared for outcome in found] == [None] * 3
    listed = embstore.open(store).query("duplicate_checkpoints").to_pylist()
    assert [row["duplicate_of"] is not None for row in listed] == [False, True, True]
    assert len({row["weights_sha256"] for row in listed}) == 1


def test_a_file_that_two_checkpoints_share_is_told(
    series: Path, text: Path, tmp_path: Path
) -> None:
    shards = sorted((series / "checkpoint-3").glob("*.safetensors"))
    for step in (4, 5):
        shutil.copytree(series / "checkpoint-3", series / f"checkpoint-{step}")
    for step in (1, 2, 3):
        shutil.rmtree(series / f"checkpoint-{step}")
    changed = series / "checkpoint-5" / shards[0].name
    save_file({name: 2 * w for name, w in load_file(changed).items()}, changed, {"format": "pt"})
    index = json.loads((series / "checkpoint-5" / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == {shard.name for shard in shards}
    found = embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)
    assert [outcome.duplicate_of for outcome in found] == [None, None]
    names = tuple(shard.name for shard in shards[1:])
    assert [outcome.shared for outcome in found] == [
        None,
        SharedFiles("checkpoint-4", names, len(shards)),
    ]
