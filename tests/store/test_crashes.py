"""Writing that fails or is killed leaves whole runs, and none in part."""

import dataclasses
import re
import time
from pathlib import Path

import pytest

from embstore.errors import StoreError
from embstore.store.connection import Database, open_database
from embstore.store.writing import write_run
from tests.processes import finish, start
from tests.store.contents import counts, rows
from tests.synthetic import make_run

# Each starts a Python and kills or starves it.
pytestmark = pytest.mark.slow


def test_a_run_that_breaks_the_schema_is_not_stored_in_part(database: Database) -> None:
    run = make_run()
    provenance = dataclasses.replace(run.provenance, device=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=r"NOT NULL.*nothing was stored"):
        write_run(database, dataclasses.replace(run, provenance=provenance))
    assert set(counts(database).values()) == {0}


FULL = """
import resource, sys
from embstore.errors import StoreError
from embstore.store.connection import open_database
from embstore.store.writing import write_run
from tests.synthetic import make_run

database = open_database(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    write_run(database, make_run(name="large", n_layers=100, hidden_size=256))
except StoreError as error:
    print(error)
print(database.select("SELECT count(*) AS n FROM run")["n"][0])
"""


def test_a_full_disk_stores_nothing_and_spoils_nothing(path: Path, database: Database) -> None:
    write_run(database, make_run())
    before = counts(database)
    message, still_there = finish(start(FULL, path)).splitlines()
    assert re.match(
        rf"{path} could not be written \(.*File too large\), and nothing was stored: check", message
    )
    assert still_there == "1"
    assert counts(open_database(path)) == before
    write_run(database, make_run(name="large", n_layers=100, hidden_size=256))
    assert counts(database)["run"] == 2


KILLED = """
import os, signal, sys
from embstore.store import writing
from embstore.store.connection import open_database
from tests.synthetic import make_run

calls, insert = [], writing.insert_from_arrow
def counted(*arguments):
    calls.append(insert(*arguments))
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
writing.insert_from_arrow = counted
writing.write_run(open_database(sys.argv[1]), make_run(name="second"))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("insert", "stored"), [(1, 1), (3, 1), (8, 1), (9, 2)])
def test_a_killed_writer_leaves_whole_runs(
    path: Path, database: Database, insert: int, stored: int
) -> None:
    # The run, its model and checkpoint, then layer, measurement, spectrum, massive activations
    # and dimension curves; 9 is after the commit.
    write_run(database, make_run())
    process = start(KILLED, path, str(insert))
    process.communicate(timeout=60)
    assert process.returncode == -9
    again = open_database(path)
    found = counts(again)
    assert (found["run"], found["model"]) == (stored, stored)
    assert (found["layer"], found["measurement"]) == (6 * stored, 54 * stored)
    assert found["dimension_curve"] == 36 * stored
    write_run(again, make_run(name="second"))
    assert counts(again)["measurement"] == 108


LOOP = """
import sys
from embstore.store.connection import open_database
from embstore.store.writing import write_run
from tests.synthetic import make_run

for seed in range(1000):
    print(write_run(open_database(sys.argv[1]), make_run(seed=seed)), flush=True)
"""


@pytest.mark.parametrize("seconds", [0.0, 0.11, 0.23, 0.37])
def test_killed_at_any_moment_no_acknowledged_run_is_lost(path: Path, seconds: float) -> None:
    process = start(LOOP, path)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    rest, _ = process.communicate(timeout=60)
    # The last line may be cut off by the kill.
    acknowledged = re.findall(r"[0-9a-f]{32}\n", first + rest)
    database = open_database(path)
    numbers = {
        row["run_id"]: row["n"]
        for row in rows(database, "SELECT run_id, count(*) AS n FROM profile GROUP BY run_id")
    }
    assert {line.strip() for line in acknowledged} <= numbers.keys()
    assert set(numbers.values()) == {54}
    assert counts(database)["run"] == len(numbers)
