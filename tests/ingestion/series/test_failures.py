"""Checkpoints that fail: the others are measured, and the next ingest goes on."""

import gc
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.errors import IngestError, ModelError, NothingMeasuredError
from embstore.ingestion.outcome import Outcome
from embstore.measuring.checkpoint import measure_batches
from embstore.models.load import read_weights
from embstore.models.loaded import examine
from tests.ingestion.series.ingests import SMALL, damage, statuses


@pytest.mark.slow
def test_one_that_fails_does_not_stop_the_others(series: Path, text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    damage(series / "checkpoint-20")
    with pytest.raises(IngestError, match="1 of 3 checkpoints failed, the others are") as caught:
        embstore.ingest(series, corpus=text, store=store, **SMALL)
    assert caught.value.exit_code == 4
    assert statuses(caught.value.outcomes) == ["measured", "failed", "measured"]
    failed = caught.value.outcomes[1]
    assert isinstance(failed, Outcome)
    assert failed.stage == "locate"
    assert failed.reason is not None
    assert failed.reason.startswith("series has damaged weights: model.safetensors has ")
    (row,) = embstore.open(store).query("failures").to_pylist()
    assert (row["revision"], row["reason"], row["resolved"]) == (
        "checkpoint-20",
        failed.reason,
        False,
    )


@pytest.mark.slow
def test_the_same_command_goes_on_where_it_stopped(
    series: Path, trained: list[Path], text: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.duckdb"
    damage(series / "checkpoint-20")
    with pytest.raises(IngestError):
        embstore.ingest(series, corpus=text, store=store, **SMALL)
    shutil.copy(trained[1] / "model.safetensors", series / "checkpoint-20")
    again = embstore.ingest(series, corpus=text, store=store, **SMALL)
    assert statuses(again) == ["stored", "measured", "stored"]
    (row,) = embstore.open(store).query("failures").to_pylist()
    assert row["resolved"] is True


def test_a_lone_checkpoint_that_fails_raises_its_own_error_and_leaves_no_store(
    series: Path, text: Path, tmp_path: Path
) -> None:
    damage(series / "checkpoint-20")
    with pytest.raises(ModelError, match="damaged weights"):
        embstore.ingest(
            series, corpus=text, store=tmp_path / "s.duckdb", revisions="checkpoint-20", **SMALL
        )
    assert not (tmp_path / "s.duckdb").exists()


def test_nothing_measured_is_exit_code_1(series: Path, text: Path, tmp_path: Path) -> None:
    for step in (10, 20, 30):
        damage(series / f"checkpoint-{step}")
    with pytest.raises(NothingMeasuredError, match="3 of 3 checkpoints failed, none is stored"):
        embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)
    assert NothingMeasuredError.exit_code == 1


@pytest.mark.slow
def test_what_is_no_users_mistake_is_named_by_its_kind(
    series: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fails_once(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError("no room\nfor it")
        return examine(*arguments, **options)

    monkeypatch.setattr("embstore.ingestion.one_checkpoint.examine", fails_once)
    with pytest.raises(IngestError) as caught:
        embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)
    failed = caught.value.outcomes[1]
    assert isinstance(failed, Outcome)
    assert (failed.stage, failed.reason) == ("measure", "unexpected MemoryError: no room for it")


@pytest.mark.slow
def test_a_failed_checkpoint_leaves_its_memory(
    series: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[Any]] = []
    seen: list[int] = []

    def measure(batches: Any, *arguments: Any, **options: Any) -> Any:
        gc.collect()
        seen.append(sum(module() is not None for module in alive))
        if len(seen) == 1:
            raise MemoryError("no room")
        return measure_batches(batches, *arguments, **options)

    def read(*arguments: Any, **options: Any) -> Any:
        weights = read_weights(*arguments, **options)
        alive.append(weakref.ref(weights.module))
        return weights

    monkeypatch.setattr("embstore.ingestion.one_checkpoint.measure_batches", measure)
    monkeypatch.setattr("embstore.ingestion.prefetch.read_weights", read)
    with pytest.raises(IngestError):
        embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)
    # The one that is measured, and the next if it is loaded already.
    assert all(count <= 2 for count in seen)
