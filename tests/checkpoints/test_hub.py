"""The Hub, as a server on this machine and as its cache alone."""

import hashlib
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
    assert found.missing_bytes(names) == 5002
    folder = hub.fetch(found, ["config.json"])
    assert [file.name for file in folder.iterdir()] == ["config.json"]
    assert found.missing_bytes(names) == 5000


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
    assert found.missing_bytes(["config.json", "model.safetensors"]) == 0
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


def test_eviction_leaves_what_another_revision_shares(hub_cache: Path, model: Path) -> None:
    add_revision(hub_cache, "lab/tiny", "step1", model)
    (model / "model.safetensors").write_bytes(b"v" * 6000)
    kept = add_revision(hub_cache, "lab/tiny", "step2", model)
    assert hub.evict("lab/tiny", commit_of("step1")) == 5000
    assert hub.list_revisions("lab/tiny") == ["step2"]
    assert (kept / "config.json").read_text() == "{}"
    assert (kept / "model.safetensors").stat().st_size == 6000
