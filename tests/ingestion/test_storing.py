"""Runs of several threads are stored together, and one that cannot be costs the others nothing."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

import embstore
from embstore.ingestion import storing
from embstore.ingestion.storing import Storing
from embstore.store import ids
from embstore.store.database import Database
from embstore.store.spool import Kept
from embstore.store.writing import write_runs
from embstore.types import Run
from tests.stores import new_store
from tests.synthetic import make_run


class Writer:
    """Writes, the first time not before the others have gathered; and counts."""

    def __init__(self) -> None:
        self.begun, self.gathered = threading.Event(), threading.Event()
        self.sizes: list[int] = []

    def write(self, database: Database, runs: Sequence[Run], *, patient: bool) -> list[str]:
        self.sizes.append(len(runs))
        self.begun.set()
        assert self.gathered.wait(60)
        return write_runs(database, runs, patient=patient)

    def store(self, store: Storing, runs: Sequence[Run]) -> list[str | Kept]:
        """Store runs in threads: the first, and while it is written all others."""
        with ThreadPoolExecutor(len(runs)) as pool:
            futures = [pool.submit(store.store, runs[0])]
            assert self.begun.wait(60)
            futures += [pool.submit(store.store, run) for run in runs[1:]]
            for _ in range(600):
                if len(store._waiting) == len(runs) - 1:
                    break
                time.sleep(0.1)
            self.gathered.set()
            return [future.result() for future in futures]


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Writer:
    made = Writer()
    monkeypatch.setattr(storing, "write_runs", made.write)
    return made


def runs_of(n: int) -> list[Run]:
    return [make_run(revision=f"step{i}") for i in range(n)]


def test_what_gathers_while_one_writes_goes_into_one_transaction(
    writer: Writer, tmp_path: Path
) -> None:
    database = new_store(tmp_path / "s.duckdb")
    stored = writer.store(Storing(database), runs_of(5))
    assert stored == [ids.run_id_of(run) for run in runs_of(5)]
    assert writer.sizes == [1, 4]
    (counted,) = (
        embstore.open(tmp_path / "s.duckdb").sql("SELECT count(*) AS n FROM run").to_pylist()
    )
    assert counted == {"n": 5}


@pytest.mark.slow
def test_one_that_cannot_be_stored_is_kept_and_the_others_are_stored(
    writer: Writer, tmp_path: Path
) -> None:
    database = new_store(tmp_path / "s.duckdb")
    first, second, third, *rest = runs_of(5)
    broken = replace(third, model=replace(third.model, n_parameters=2**70))
    kept = writer.store(Storing(database), [first, second, broken, *rest])
    assert writer.sizes == [1, 4]
    assert [isinstance(found, Kept) for found in kept] == [False, False, True, False, False]
    assert isinstance(kept[2], Kept)
    assert kept[2].file.exists()
    (counted,) = (
        embstore.open(tmp_path / "s.duckdb").sql("SELECT count(*) AS n FROM run").to_pylist()
    )
    assert counted == {"n": 4}


def test_while_another_process_holds_the_store_each_run_is_in_a_file_before_it_waits(
    tmp_path: Path,
) -> None:
    database = new_store(tmp_path / "s.duckdb")
    database.timeout = 0.02
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
    assert isinstance(kept, Kept)
    assert waited == [1]
