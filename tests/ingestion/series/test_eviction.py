"""Downloads that are deleted once they are measured."""

from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.errors import NothingMeasuredError
from tests import tiny_models
from tests.fake_hub import FakeHub
from tests.hub_cache import add_revision, commit_of
from tests.ingestion.series.ingests import SMALL, statuses

pytestmark = pytest.mark.slow


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
