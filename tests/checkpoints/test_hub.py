"""The Hub, as a server on this machine and as its cache alone."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from embstore.checkpoints import hub
from embstore.errors import ModelError
from tests.fake_hub import FakeHub, online
from tests.hub_cache import add_revision, commit_of


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"w" * 5000)
    (folder / "notes[1].txt").write_text("brackets")
    return folder


@pytest.fixture
def server(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with online(monkeypatch) as running:
        yield running


def test_branches_are_listed(server: FakeHub, model: Path) -> None:
    for revision in ("main", "step2", "step1"):
        server.revisions["lab/tiny", revision] = model
    assert hub.list_revisions("lab/tiny") == ["main", "step1", "step2"]


def test_files_are_known_before_they_are_fetched(server: FakeHub, model: Path) -> None:
    server.revisions["lab/tiny", "step1"] = model
    found = hub.look_up("lab/tiny", "step1")
    assert found.commit == commit_of("step1")
    digest = hashlib.sha256(b"w" * 5000).hexdigest()
    assert found.files["model.safetensors"] == hub.HubFile(5000, digest)
    assert found.files["config.json"] == hub.HubFile(2, None)
    names = ["config.json", "model.safetensors"]
    assert found.missing(names) == ("config.json", "model.safetensors")
    assert not found.was_here
    folder = hub.fetch(found, ["config.json"])
    assert [file.name for file in folder.iterdir()] == ["config.json"]
    assert found.missing(names) == ("model.safetensors",)
    assert hub.look_up("lab/tiny", "step1").was_here


def test_names_are_no_patterns(server: FakeHub, model: Path) -> None:
    server.revisions["lab/tiny", "main"] = model
    found = hub.look_up("lab/tiny", "main")
    assert (hub.fetch(found, ["notes[1].txt"]) / "notes[1].txt").read_text() == "brackets"


def test_what_was_fetched_is_there_without_the_hub(
    server: FakeHub, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.revisions["lab/tiny", "step1"] = model
    online = hub.look_up("lab/tiny", "step1")
    hub.fetch(online, ["config.json", "model.safetensors"])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert hub.list_revisions("lab/tiny") == ["step1"]
    found = hub.look_up("lab/tiny", "step1")
    assert found.commit == online.commit
    assert found.files["model.safetensors"] == online.files["model.safetensors"]
    assert found.missing(["config.json", "model.safetensors"]) == ()
    assert found.was_here
    assert (hub.fetch(found, ["model.safetensors"]) / "model.safetensors").stat().st_size == 5000


def test_a_server_that_is_busy_is_asked_again(server: FakeHub, model: Path) -> None:
    server.revisions["lab/tiny", "main"] = model
    server.broken = 2
    assert hub.list_revisions("lab/tiny") == ["main"]


def test_a_server_that_stays_busy_is_an_error(server: FakeHub, model: Path) -> None:
    server.broken = 100
    with pytest.raises(ModelError, match=r"cannot fetch lab/tiny from the Hub: .*503"):
        hub.list_revisions("lab/tiny")
    assert server.broken == 97


def test_a_download_is_tried_again_too(server: FakeHub, model: Path) -> None:
    server.revisions["lab/tiny", "main"] = model
    found = hub.look_up("lab/tiny", "main")
    server.broken = 1
    assert (hub.fetch(found, ["config.json"]) / "config.json").read_text() == "{}"


def test_a_download_that_fails_for_good_says_what_the_server_said(
    server: FakeHub, model: Path
) -> None:
    server.revisions["lab/tiny", "main"] = model
    found = hub.look_up("lab/tiny", "main")
    server.broken = 1000
    with pytest.raises(ModelError, match=r"cannot fetch lab/tiny from the Hub: .*503.*try again"):
        hub.fetch(found, ["config.json"])


def test_a_branch_that_moves_meanwhile_is_noticed(server: FakeHub, model: Path) -> None:
    server.revisions["lab/tiny", "main"] = model
    found = replace(hub.look_up("lab/tiny", "main"), commit="0" * 40)
    with pytest.raises(ModelError, match="lab/tiny@main has changed on the Hub meanwhile"):
        hub.fetch(found, ["config.json"])


def test_a_refusal_is_final(server: FakeHub, model: Path, hub_cache: Path) -> None:
    add_revision(hub_cache, "lab/gone", "main", model)
    with pytest.raises(ModelError, match="no such model: lab/gone is neither"):
        hub.list_revisions("lab/gone")
    with pytest.raises(ModelError, match="no such model: lab/gone is neither"):
        hub.look_up("lab/gone", "main")
    server.revisions["lab/tiny", "main"] = model
    with pytest.raises(ModelError, match="lab/tiny has no revision 'v9'"):
        hub.look_up("lab/tiny", "v9")
    # Asked once each: an answer does not get better by asking again.
    assert len(server.requests) == 3


def test_no_connection_falls_back_to_the_cache(
    server: FakeHub, model: Path, hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody listens there.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    add_revision(hub_cache, "lab/tiny", "step7", model)
    assert hub.list_revisions("lab/tiny") == ["step7"]
    assert hub.look_up("lab/tiny", "step7").commit == commit_of("step7")
    with pytest.raises(ModelError, match="nor in the Hub cache, and the Hub cannot be reached"):
        hub.look_up("lab/other", "main")


def snapshot_of(repository: str, revision: str, *, was_here: bool = False) -> hub.Snapshot:
    return hub.Snapshot(repository, revision, commit_of(revision), {}, was_here)


def test_eviction_leaves_what_was_here_before(hub_cache: Path, model: Path) -> None:
    shared = add_revision(hub_cache, "lab/tiny", "step1", model)
    (model / "other.safetensors").write_bytes(b"o" * 4000)
    here = add_revision(hub_cache, "lab/tiny", "step2", model)
    snapshot = snapshot_of("lab/tiny", "step2", was_here=True)
    # The first is a file of another revision, too.
    assert hub.evict(snapshot, ["model.safetensors", "other.safetensors"]) == 4000
    assert {f.name for f in here.iterdir()} == {f.name for f in model.iterdir()} - {
        "model.safetensors",
        "other.safetensors",
    }
    assert (shared / "model.safetensors").stat().st_size == 5000
    assert not any(blob.stat().st_size == 4000 for blob in hub_cache.rglob("blobs/*"))


def test_eviction_leaves_the_same_commit_of_another_repository(
    hub_cache: Path, model: Path
) -> None:
    others = [add_revision(hub_cache, f"lab/{name}", "step1", model) for name in ("a", "z")]
    gone = add_revision(hub_cache, "lab/tiny", "step1", model)
    data = hub_cache / "datasets--lab--tiny"
    shutil.copytree(hub_cache / "models--lab--tiny", data, symlinks=True)
    hub.evict(snapshot_of("lab/tiny", "step1"), ["model.safetensors"])
    assert not gone.exists()
    assert all((folder / "model.safetensors").exists() for folder in others)
    assert (data / "snapshots" / commit_of("step1") / "model.safetensors").exists()
    assert hub.evict(snapshot_of("lab/tiny", "step1"), ["model.safetensors"]) == 0


def test_eviction_leaves_what_another_revision_shares(hub_cache: Path, model: Path) -> None:
    add_revision(hub_cache, "lab/tiny", "step1", model)
    (model / "model.safetensors").write_bytes(b"v" * 6000)
    kept = add_revision(hub_cache, "lab/tiny", "step2", model)
    assert hub.evict(snapshot_of("lab/tiny", "step1"), ["model.safetensors"]) == 5000
    assert hub.list_revisions("lab/tiny") == ["step2"]
    assert (kept / "config.json").read_text() == "{}"
    assert (kept / "model.safetensors").stat().st_size == 6000
