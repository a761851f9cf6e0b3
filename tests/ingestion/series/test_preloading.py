"""The next checkpoint is loaded while one is measured, if there is room."""

import threading
from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.measuring.checkpoint import measure_batches
from embstore.models.load import read_weights
from tests.ingestion.series.ingests import SMALL, rows, statuses

pytestmark = pytest.mark.slow


def readers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note from now on which module reads weights, each time."""
    calls: list[str] = []
    for module in ("prefetch", "one_checkpoint"):

        def read(*arguments: Any, module: str = module, **options: Any) -> Any:
            calls.append(module)
            return read_weights(*arguments, **options)

        monkeypatch.setattr(f"embstore.ingestion.{module}.read_weights", read)
    return calls


def test_the_next_checkpoint_is_loaded_while_one_is_measured(
    series: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = [threading.Event() for _ in range(3)]
    threads = set()
    measured = []

    def read(*arguments: Any, **options: Any) -> Any:
        weights = read_weights(*arguments, **options)
        threads.add(threading.current_thread().name)
        next(event for event in loaded if not event.is_set()).set()
        return weights

    def measure(*arguments: Any, **options: Any) -> Any:
        measured.append(1)
        if len(measured) < 3:
            # It would never come if loading waited for this to end.
            assert loaded[len(measured)].wait(60)
        return measure_batches(*arguments, **options)

    monkeypatch.setattr("embstore.ingestion.prefetch.read_weights", read)
    monkeypatch.setattr("embstore.ingestion.one_checkpoint.measure_batches", measure)
    assert statuses(embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)) == [
        "measured",
        "measured",
        "measured",
    ]
    assert threads == {"preparation"}


def test_without_room_for_two_models_the_next_is_loaded_afterwards(
    series: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = readers(monkeypatch)
    monkeypatch.setattr("embstore.ingestion.prefetch.free_memory", lambda: 1_000_000)
    embstore.ingest(series, corpus=text, store=tmp_path / "s.duckdb", **SMALL)
    # The first has nothing beside it.
    assert calls == ["prefetch", "one_checkpoint", "one_checkpoint"]


def test_weights_are_not_drawn_while_another_model_runs(
    tiny_llama: Path,
    tiny_bert: Path,
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = tmp_path / "alone.duckdb"
    embstore.ingest(tiny_bert, corpus=text, store=alone, random_init=True, **SMALL)
    calls = readers(monkeypatch)
    both = tmp_path / "both.duckdb"
    models = [tiny_llama, tiny_bert]
    embstore.ingest(models, corpus=text, store=both, random_init=True, **SMALL)
    # One generator serves all threads of a process.
    assert calls == ["prefetch", "one_checkpoint"]
    sql = (
        "SELECT layer, site, scope, metric, value FROM profile "
        f"WHERE model = '{tiny_bert.name}' ORDER BY ALL"
    )
    assert rows(both, sql) == rows(alone, sql) != []
