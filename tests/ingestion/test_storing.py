"""Runs of several threads are stored together, and one that cannot be costs the others nothing."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

import embstore
from embstore.ingestion import storing
from embstore.ingestion.storing import Storing
from embstore.store.connection import Database
from embstore.store.spool import Kept
from embstore.store.writing import write_runs
from embstore.types import Run
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many runs each transaction has had; the first waits for all the others to gather."""
    found: list[int] = []

    def write(database: Database, runs: Sequence[Run], *, patient: bool) -> list[str]:
        found.append(len(runs))
        if len(found) == 1:
            assert GATHERED.wait(60)
        return write_runs(database, runs, patient=patient)

    monkeypatch.setattr(storing, "write_runs", write)
    GATHERED.clear()
    return found


GATHERED = threading.Event()


def store_all(store: Storing, runs: Sequence[Run]) -> list[Kept | None]:
    with ThreadPoolExecutor(len(runs)) as pool:
        futures = [pool.submit(store.store, run) for run in runs]
        while len(store._waiting) < len(runs) - 1:
            pass
        GATHERED.set()
        return [future.result() for future in futures]


def runs_of(n: int) -> list[Run]:
    return [make_run(revision=f"step{i}") for i in range(n)]


def test_what_gathers_while_one_writes_goes_into_one_transaction(
    sizes: list[int], tmp_path: Path
) -> None:
    database = new_store(tmp_path / "s.duckdb")
    assert store_all(Storing(database), runs_of(5)) == [None] * 5
    assert sizes == [1, 4]
    (counted,) = (
        embstore.open(tmp_path / "s.duckdb").sql("SELECT count(*) AS n FROM run").to_pylist()
    )
    assert counted == {"n": 5}


def test_one_that_cannot_be_stored_is_kept_and_the_others_are_stored(
    sizes: list[int], tmp_path: Path
) -> None:
    database = new_store(tmp_path / "s.duckdb")
    first, second, third, *rest = runs_of(5)
    broken = replace(third, model=replace(third.model, n_parameters=2**70))
    kept = store_all(Storing(database), [first, second, broken, *rest])
    assert sizes == [1, 4]
    assert [found is not None for found in kept] == [False, False, True, False, False]
    assert kept[2] is not None
    assert kept[2].file.exists()
    (counted,) = (
        embstore.open(tmp_path / "s.duckdb").sql("SELECT count(*) AS n FROM run").to_pylist()
    )
    assert counted == {"n": 4}


def test_while_another_process_holds_the_store_each_run_is_in_a_file_before_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = new_store(tmp_path / "s.duckdb")
    database.timeout = 0.1
    monkeypatch.setattr("embstore.store.connection._PATIENCE", 2)
    waited: list[int] = []

    def wait() -> None:
        waited.append(len(list(tmp_path.glob("s.duckdb.spool/*.run.json.gz"))))

    store = Storing(database)
    # As another process would: DuckDB refuses two connections with different settings.
    with (
        duckdb.connect(tmp_path / "s.duckdb", config={"threads": 1}),
        ThreadPoolExecutor(1) as pool,
    ):
        kept = pool.submit(store.store, runs_of(1)[0], wait=wait).result()
    assert kept is not None
    assert waited == [1]
