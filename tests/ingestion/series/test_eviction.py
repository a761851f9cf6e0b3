"""Downloads that are deleted once they are measured."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import embstore
from embstore.checkpoints.locate import locate
from embstore.checkpoints.located import Located
from embstore.errors import NothingMeasuredError
from embstore.ingestion.prefetch import Preparation
from tests import tiny_models
from tests.fake_hub import FakeHub
from tests.hub_cache import add_revision, commit_of
from tests.ingestion.series.ingests import SMALL, statuses


def evict(located: Located) -> None:
    resources: Any = SimpleNamespace(devices=("cpu",))
    settings: Any = SimpleNamespace(ray=None, evict=True)
    preparation = Preparation(resources, settings)
    preparation.release(located, measured=True)
    preparation.finish()


WEIGHTS = {"base": "model.safetensors", "adapter": "adapter_model.safetensors"}


def weights_in(cache: Path) -> list[Path]:
    return [path for path in cache.glob("*/snapshots/*/*.safetensors") if path.exists()]


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """An adapter whose base is the tiny model of the Hub."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": "lab/tiny", "revision": "step10"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file({"lora": torch.ones(2)}, folder / "adapter_model.safetensors")
    return folder


@pytest.mark.parametrize("before", [(), ("base",), ("adapter",), ("base", "adapter")])
def test_of_an_adapter_and_its_base_only_the_download_is_evicted(
    before: tuple[str, ...], server: FakeHub, hub_cache: Path, trained: list[Path], adapter: Path
) -> None:
    server.revisions["lab/tuned", "main"] = adapter
    if "base" in before:
        add_revision(hub_cache, "lab/tiny", "step10", trained[0])
    if "adapter" in before:
        add_revision(hub_cache, "lab/tuned", "main", adapter)
    located = locate("lab/tuned")
    assert {path.name for path in weights_in(hub_cache)} == set(WEIGHTS.values())
    evict(located)
    assert {path.name for path in weights_in(hub_cache)} == {WEIGHTS[part] for part in before}


def test_files_that_were_here_before_the_weights_stay(
    server: FakeHub, hub_cache: Path, trained: list[Path], tmp_path: Path
) -> None:
    """As those of a dry run, and what other programs have downloaded of the same commit."""
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(trained[0] / "config.json", few)
    (few / "pytorch_model.bin").write_bytes(b"pickled")
    here = add_revision(hub_cache, "lab/tiny", "step10", few)
    located = locate("lab/tiny@step10")
    assert (here / "model.safetensors").exists()
    evict(located)
    assert not (here / "model.safetensors").exists()
    assert all((here / name).exists() for name in ("config.json", "pytorch_model.bin"))


@pytest.mark.slow
def test_downloads_are_evicted_and_what_was_there_before_stays(
    server: FakeHub, hub_cache: Path, trained: list[Path], text: Path, tmp_path: Path
) -> None:
    server.revisions["lab/tiny", "step30"] = tiny_models.build("llama", tmp_path / "4", seed=4)
    add_revision(hub_cache, "lab/tiny", "step10", trained[0])
    found = embstore.ingest(
        "lab/tiny",
        corpus=text,
        store=tmp_path / "s.duckdb",
        revisions=["step*"],
        evict=True,
        **SMALL,
    )
    assert statuses(found) == ["measured", "measured", "measured"]
    snapshots = hub_cache / "models--lab--tiny" / "snapshots"
    assert [folder.name for folder in snapshots.iterdir()] == [commit_of("step10")]
    assert (snapshots / commit_of("step10") / "model.safetensors").exists()


@pytest.mark.slow
def test_a_commit_with_two_names_is_evicted_after_both(
    server: FakeHub, hub_cache: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = server.answer

    def same_commit(path: str) -> Any:
        # main and step20 are one commit.
        status, headers, body = real(path)
        names = (commit_of("main"), commit_of("step20"))
        headers = {key: value.replace(*names) for key, value in headers.items()}
        return status, headers, body.replace(names[0].encode(), names[1].encode())

    monkeypatch.setattr(server, "answer", same_commit)
    server.revisions["lab/tiny", "main"] = server.revisions["lab/tiny", "step20"]

    # So that the second is loaded after the first was let go.
    monkeypatch.setattr("embstore.ingestion.prefetch.free_memory", lambda: 1_000_000)
    found = embstore.ingest(
        "lab/tiny",
        corpus=text,
        store=tmp_path / "s.duckdb",
        revisions="all",
        evict=True,
        **SMALL,
    )
    assert statuses(found) == ["measured", "measured", "measured"]
    assert not list((hub_cache / "models--lab--tiny").glob("snapshots/*"))


@pytest.mark.slow
def test_what_is_not_measured_is_not_evicted(
    server: FakeHub, hub_cache: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"corpus": text, "store": tmp_path / "s.duckdb", "evict": True}

    def fails(*_arguments: object, **_options: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("embstore.ingestion.one_checkpoint.examine", fails)
        with pytest.raises(NothingMeasuredError):
            embstore.ingest("lab/tiny", revisions="all", **options, **SMALL)
    snapshots = hub_cache / "models--lab--tiny" / "snapshots"
    assert len(list(snapshots.iterdir())) == 2
    embstore.ingest("lab/tiny", revisions="all", **options, **SMALL)
    # Downloaded before, so not this ingest's to delete.
    assert len(list(snapshots.iterdir())) == 2
