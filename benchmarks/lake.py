"""A store in a lake: how many runs many writers store, and how long questions take, beside a file.

The server is a PostgreSQL of this machine that does not wait for the disk.
"""

import multiprocessing
import multiprocessing.synchronize
import os
import statistics
import tempfile
import time

import pyarrow as pa

from benchmarks.scale import Scale
from benchmarks.sections import Section, Table
from embstore.asking.ask import find_question, readable_questions, run_question
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.lake.maintaining import maintain
from embstore.store.mending.merging import merge_stores
from embstore.store.writing import write_run
from embstore.types import Run
from tests.servers import PASSWORD, running_server
from tests.store.contents import equal_answers
from tests.synthetic import make_run

_WRITERS = 8
_TIMEOUT = 120.0
_TIMES = 3


def run(scale: Scale) -> Section:
    """Let eight processes write, then ask every shipped question of the lake and of a file."""
    each = 2 if scale.quick else 50
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        os.environ["PGPASSWORD"] = PASSWORD
        address = f"{server.make_database('bench')}?data_path={folder}/lake"
        lake, file = open_database(address), open_database(f"{folder}/file.duckdb")
        into_lake = _written(address, each)
        into_file = _written(f"{folder}/side.duckdb", each)
        merge_stores(file, [f"{folder}/side.duckdb"])
        many = _asked(lake)
        before = maintain(lake, keep_days=0)
        few, alone = _asked(lake), _asked(file)
        equal = sum(equal_answers(_answer(lake, name), _answer(file, name)) for name in alone)
    n_runs = _WRITERS * each
    text = (
        f"{_WRITERS} processes store {each} runs each, of {_numbers():,} numbers, one in a "
        f"transaction: {n_runs / into_lake:.1f} runs a second in a lake, "
        f"{n_runs / into_file:.1f} in a DuckDB file. Then each of the {len(alone)} shipped "
        f"questions is asked, opening the store included: {equal} of {len(alone)} answers of the "
        "lake equal those of the file, means and sums to rounding. The lake had "
        f"{before.files_before:,} Parquet files, and {before.files:,} after `embstore maintain`."
    )
    rows = tuple(
        (name, *(f"{found:.2f}" for found in (statistics.median(asked), max(asked))))
        for name, asked in (
            (f"a lake of {before.files_before:,} files", list(many.values())),
            (f"the same maintained, {before.files:,} files", list(few.values())),
            ("a DuckDB file", list(alone.values())),
        )
    )
    return Section("A lake", text, (Table(("store", "median s", "slowest s"), rows),))


def _written(store: str, each: int) -> float:
    """Return the seconds from the moment when all writers stand ready to the last stored run."""
    spawning = multiprocessing.get_context("spawn")
    ready = spawning.Barrier(_WRITERS + 1)
    writers = [
        spawning.Process(target=_write, args=(store, writer, each, ready))
        for writer in range(_WRITERS)
    ]
    for writer in writers:
        writer.start()
    ready.wait()
    began = time.perf_counter()
    for writer in writers:
        writer.join()
    if any(writer.exitcode for writer in writers):
        raise RuntimeError(f"a writer into {store} failed")
    return time.perf_counter() - began


def _write(store: str, writer: int, each: int, ready: multiprocessing.synchronize.Barrier) -> None:
    database = open_database(store, timeout=_TIMEOUT)
    runs = [_run(writer, seed) for seed in range(each)]
    ready.wait()
    for one in runs:
        write_run(database, one)


def _run(writer: int, seed: int) -> Run:
    return make_run(name=f"model {writer}", seed=seed, n_layers=12)


def _numbers() -> int:
    return len(_run(0, 0).measured.measurements)


def _asked(database: Database) -> dict[str, float]:
    """Ask every shipped question; for each the median of some times."""
    found = {}
    for name in readable_questions()[0]:
        times = []
        for _ in range(_TIMES):
            began = time.perf_counter()
            _answer(database, name)
            times.append(time.perf_counter() - began)
        found[name] = statistics.median(times)
    return found


def _answer(database: Database, name: str) -> pa.Table:
    return run_question(database, find_question(name))
