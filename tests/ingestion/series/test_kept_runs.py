"""What cannot be stored is kept while a series goes on, and the next ingest takes it in."""

import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.errors import IngestError, KeptError, StoreError, StoreLockedError
from embstore.ingestion import prefetch, recording
from embstore.ingestion.outcome import Outcome
from embstore.ingestion.provenance import collect
from embstore.store import migration, spool_folders
from tests.holding import hold
from tests.ingestion.series.ingests import SMALL, damage, rows, statuses
from tests.processes import finish
from tests.store.old_stores import SCHEMAS, unpack
from tests.stores import new_store

# Each measures several times, or starts a process that holds the store.
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("EMBSTORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EMBSTORE_LOCK_TIMEOUT", "0.02")
    caplog.set_level(logging.WARNING, "embstore")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return new_store(tmp_path / "home" / "s.duckdb").path


class Notebook:
    """A process that opens the store while a model is measured, and keeps it open."""

    def __init__(self, store: Path, how: str) -> None:
        self._store, self._how = store, how
        self._process: subprocess.Popen[str] | None = None

    def hold(self) -> None:
        if self._process is None:
            self._process = hold(self._store, self._how)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            finish(self._process)


@pytest.fixture(params=["reads", "writes"])
def notebook(
    request: pytest.FixtureRequest, store: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Notebook]:
    opened = Notebook(store, request.param)

    def held_meanwhile(*arguments: Any, **options: Any) -> Any:
        opened.hold()
        return collect(*arguments, **options)

    # Between measuring and storing.
    monkeypatch.setattr(recording, "collect", held_meanwhile)
    yield opened
    opened.close()


VALUES = """
SELECT revision, stack, layer, site, scope, metric, value, std_error FROM profile ORDER BY ALL
"""


def test_a_series_is_kept_while_a_notebook_holds_the_store_and_taken_in_afterwards(
    series: Path,
    text: Path,
    store: Path,
    notebook: Notebook,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    damage(series / "checkpoint-20")
    with pytest.raises(KeptError) as caught:
        embstore.ingest(series, corpus=text, store=store, **SMALL)
    error = caught.value
    assert error.exit_code == 3
    assert statuses(error.outcomes) == ["kept", "failed", "kept"]
    folder = spool_folders.beside(store)
    assert str(error).startswith(
        f"2 of 3 checkpoints are measured, but not in the store ({store} is locked by process"
    )
    assert str(error).endswith(
        f"): kept in {folder}, and taken in by the next ingest into this store, or by "
        f"`embstore ingest --spool {folder}`; 1 failed"
    )
    outcomes = [outcome for outcome in error.outcomes if isinstance(outcome, Outcome)]
    assert set(folder.iterdir()) == {outcome.file for outcome in outcomes if outcome.file}
    assert [outcome.run_id for outcome in outcomes] == [None] * 3
    (noted,) = (r.message for r in caplog.records if "is not noted" in r.message)
    assert noted.startswith("why series@checkpoint-20 failed is not noted in the store: ")
    notebook.close()
    caplog.clear()
    with pytest.raises(IngestError) as again:
        embstore.ingest(series, corpus=text, store=store, **SMALL)
    assert statuses(again.value.outcomes) == ["stored", "failed", "stored"]
    assert [record.message for record in caplog.records] == [
        f"took 2 runs that were kept in {folder} into {store}"
    ]
    assert not folder.exists()
    # The numbers are those of a series that nobody disturbed.
    other = tmp_path / "other.duckdb"
    with pytest.raises(IngestError):
        embstore.ingest(series, corpus=text, store=other, **SMALL)
    assert rows(store, VALUES) == rows(other, VALUES)


def test_a_store_that_cannot_be_written_is_told_before_weights_are_loaded(
    tiny_llama: Path, text: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_arguments: object, **_options: object) -> None:
        raise AssertionError("the weights were loaded")

    holder = Notebook(store, "reads")
    holder.hold()
    with monkeypatch.context() as patch:
        patch.setattr(prefetch, "read_weights", load)
        with pytest.raises(StoreLockedError, match="is locked by process"):
            embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)
    holder.close()
    assert statuses(embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)) == ["measured"]
    # Where all is stored there is nothing to write, and a reader is in nobody's way.
    holder = Notebook(store, "reads")
    holder.hold()
    assert statuses(embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)) == ["stored"]
    holder.close()
    assert [found.name for found in store.parent.iterdir()] == [store.name]


def test_a_folder_that_vanishes_while_measuring_loses_nothing(
    tiny_llama: Path,
    text: Path,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = tmp_path / "away"

    def vanish(*arguments: Any, **options: Any) -> Any:
        store.parent.rename(away)
        return collect(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(recording, "collect", vanish)
        with pytest.raises(KeptError, match="the checkpoint is measured, but not in the store"):
            embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)
    away.rename(store.parent)
    assert statuses(embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)) == ["stored"]


def test_runs_are_taken_in_without_a_model(
    tiny_llama: Path, text: Path, store: Path, notebook: Notebook
) -> None:
    with pytest.raises(StoreError) as caught:
        embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)
    assert isinstance(caught.value, KeptError)
    notebook.close()
    folder = spool_folders.beside(store)
    assert embstore.take_in(folder, store=store) == 1
    assert len(rows(store, "SELECT * FROM run")) == 1
    assert not folder.exists()


def test_an_ingest_migrates_an_older_store_before_it_measures(
    tiny_llama: Path, text: Path, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    schema = SCHEMAS[-2]
    before = unpack(schema, store).read_bytes()
    assert statuses(embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)) == ["measured"]
    asked, migrated = (record.message for record in caplog.records)
    assert "answered from a migrated temporary copy" in asked
    assert migrated.startswith(f"{store} had schema {schema}: migrated to {migration.HEAD}, after")
    (backup,) = (file for file in store.parent.iterdir() if file != store)
    assert backup.read_bytes() == before
    caplog.clear()
    assert statuses(embstore.ingest(tiny_llama, corpus=text, store=store, **SMALL)) == ["stored"]
    assert caplog.records == []
