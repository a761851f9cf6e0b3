"""Kills whatever changes a store at random moments, and looks whether anything was lost.

    python -m tests.stress.kills --times 50

What is killed runs in a child of this process, which has imported everything already, so that
a moment is one of the work and not of starting Python. This process itself runs no model: the
threads that it would start do not outlive a fork, and children would wait for them forever.

After each kill the store must open and be sound, have each run that was told of, and have no
run in part; doing the same again must end with the numbers of an undisturbed run.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command

import embstore

# Imported here, so that no child has to.
import embstore.ingestion.run
import embstore.store.exports.exporting
import embstore.store.mending.merging
from embstore.store.connection import open_database
from embstore.store.migration import alembic_config
from embstore.store.session import writing
from embstore.store.table_names import NUMBERS
from embstore.store.verification.faults import find_faults
from tests import tiny_models
from tests.stress.children import begin, in_child

STORE = "store.duckdb"
OTHER = "other.duckdb"
OLDER = "older.duckdb"
EXPORT = "export"
# Written to while the work goes on: what was told of as done.
TOLD = "told"

Runs = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Work:
    """Something that changes a store, or writes from one.

    Attributes:
        name: what to call it.
        prepare: puts into an empty folder what is there before.
        do: the work, in that folder; calls its second argument with each run it has done.
        result: the file or folder to look at afterwards.
    """

    name: str
    prepare: Callable[[Path], None]
    do: Callable[[Path, Callable[[str], None]], None]
    result: str = STORE


@dataclass(frozen=True)
class Tried:
    """What became of one work.

    Attributes:
        times: how often it was begun to be killed.
        killed: how often it had not ended by then.
        wrong: what was wrong afterwards, a line for each time; or that it was never killed.
    """

    times: int
    killed: int
    wrong: tuple[str, ...]


def stored(path: Path) -> Runs:
    """Return what is in a store, run by run: rows of each table, and a hash of its numbers.

    Raises:
        RuntimeError: it is not sound.
    """
    database = open_database(path, create=False)
    with database.held():
        if faults := find_faults(database):
            raise RuntimeError(f"faults: {faults}")
        runs = database.select("SELECT run_id FROM run").to_pylist()
        found: dict[str, list[Any]] = {row["run_id"]: [] for row in runs}
        for table in NUMBERS:
            rows = database.select(
                f"SELECT run_id, count(*) AS n, bit_xor(hash({table})) AS numbers "
                f"FROM {table} GROUP BY run_id"
            ).to_pylist()
            for row in rows:
                found[row["run_id"]].append((table, row["n"], row["numbers"]))
    return {run: tuple(facts) for run, facts in found.items()}


def kill_often(work: Work, times: int, generator: random.Random) -> Tried:
    """Do a work undisturbed, then kill it ``times`` times, looking at the store each time."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        whole = place / "whole"
        whole.mkdir()
        work.prepare(whole)
        before = in_child(lambda: _runs(whole / work.result))
        began = time.perf_counter()
        in_child(lambda: _do(work, whole))
        seconds = time.perf_counter() - began
        expected = in_child(lambda: stored(whole / work.result))
        killed, wrong = 0, []
        # One moment in each of as many equal parts of the time, from shortly after the end back
        # to the start.
        for i in reversed(range(times)):
            here = place / f"killed-{i}"
            here.mkdir()
            work.prepare(here)
            wait = 1.1 * seconds * generator.uniform(i, i + 1) / times
            child, pipe = begin(partial(_do, work, here))
            time.sleep(wait)
            os.kill(child, signal.SIGKILL)
            os.close(pipe)
            _, status = os.waitpid(child, 0)
            if os.WIFSIGNALED(status):
                killed += 1
            else:
                # It takes less time than it took undisturbed.
                seconds = min(seconds, wait)
            try:
                _look(work, here, before, expected)
            # Told with the moment, and the next one is tried.
            except RuntimeError as error:
                wrong.append(f"{work.name}, killed after {wait:.3f} of {seconds:.3f} s: {error}")
            shutil.rmtree(here)
        if not killed:
            wrong.append(f"{work.name}, always ended before it was killed")
        return Tried(times, killed, tuple(wrong))


def _do(work: Work, place: Path) -> None:
    def tell(run: str) -> None:
        with (place / TOLD).open("a") as file:
            file.write(f"{run}\n")
            file.flush()
            os.fsync(file.fileno())

    work.do(place, tell)


def _runs(path: Path) -> Runs:
    return stored(path) if path.exists() else {}


def _look(work: Work, here: Path, before: Runs, expected: Runs) -> None:
    told = (here / TOLD).read_text().splitlines() if (here / TOLD).exists() else []
    path = here / work.result
    left = in_child(lambda: _runs(path))
    if missing := [run for run in (*told, *before) if run not in left]:
        raise RuntimeError(f"runs are lost: {missing}")
    if partial := [run for run, facts in left.items() if facts != expected.get(run)]:
        raise RuntimeError(f"runs are there in part: {partial}")

    def again() -> Runs:
        work.do(here, lambda _: None)
        return stored(path)

    if in_child(again) != expected:
        raise RuntimeError("done again it did not end with the same numbers")


def works(folder: Path) -> list[Work]:
    """Return what there is to kill; what it needs is made in ``folder``."""
    model = in_child(lambda: tiny_models.build("llama", folder / "tiny-llama"))
    text = folder / "text.txt"
    text.write_text(" ".join(f"w{i * i % 190}" for i in range(6000)))

    def ingest(place: Path, seeds: range, tell: Callable[[str], None], name: str = STORE) -> None:
        for seed in seeds:
            (outcome,) = embstore.ingest(
                model, corpus=text, store=place / name, tokens=128, window=32, seed=seed
            )
            assert outcome.run_id is not None
            tell(outcome.run_id)

    def two_stores() -> None:
        ingest(folder, range(2), lambda _: None)
        ingest(folder, range(1, 4), lambda _: None, OTHER)

    in_child(two_stores)
    shutil.copy(folder / STORE, folder / OLDER)
    in_child(lambda: _downgrade(folder / OLDER))

    def copies(place: Path) -> None:
        for name in (STORE, OTHER):
            shutil.copy(folder / name, place)

    def older(place: Path) -> None:
        shutil.copy(folder / OLDER, place / STORE)

    def merge(place: Path, tell: Callable[[str], None]) -> None:
        embstore.open(place / STORE).merge(place / OTHER)
        for row in embstore.open(place / OTHER).sql("SELECT run_id FROM run").to_pylist():
            tell(row["run_id"])

    def migrate(place: Path, _tell: Callable[[str], None]) -> None:
        open_database(place / STORE, create=False).migrate()

    def export(place: Path, tell: Callable[[str], None]) -> None:
        opened = embstore.open(place / STORE)
        opened.export(place / EXPORT)
        for row in opened.sql("SELECT run_id FROM run").to_pylist():
            tell(row["run_id"])

    return [
        Work("ingest", lambda _: None, lambda place, tell: ingest(place, range(2), tell)),
        Work("merge", copies, merge),
        Work("migrate", older, migrate),
        Work("export", copies, export, EXPORT),
    ]


def _downgrade(path: Path) -> None:
    """Take the newest migration back, so that the file is as an older embstore left it."""
    with writing(path, 1.0) as connection:
        command.downgrade(alembic_config(connection), "-1")


def main() -> int:
    """Kill everything, tell of it, and return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50, help="how often each is killed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="ingest, merge, migrate, export")
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for work in works(Path(folder)):
            if arguments.only and work.name not in arguments.only:
                continue
            tried = kill_often(work, arguments.times, generator)
            wrong += len(tried.wrong)
            print(f"{work.name}: {tried.killed} of {tried.times} killed, {len(tried.wrong)} wrong")
            print(*tried.wrong, sep="\n", end="\n" * bool(tried.wrong), flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
