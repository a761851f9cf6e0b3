"""Writing that fails or is killed leaves whole runs, and none in part."""

import dataclasses
import re
import time
from pathlib import Path

import pytest

from embstore.errors import StoreError
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.mending import removing
from embstore.store.mending.find_runs import Selection, find_runs, in_transaction
from embstore.store.mending.merging import merge_stores
from embstore.store.writing import write_run
from tests.processes import finish, finish_killed, start
from tests.store.contents import contents, counts, rows
from tests.stores import new_store
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


@pytest.mark.parametrize(("insert", "stored"), [(1, 1), (3, 1), (9, 1), (10, 2)])
def test_a_killed_writer_leaves_whole_runs(
    path: Path, database: Database, insert: int, stored: int
) -> None:
    # The run, its model and checkpoint, then layer, measurement, spectrum, massive activations,
    # dimension curves and angles; 10 is after the commit.
    write_run(database, make_run())
    finish_killed(start(KILLED, path, str(insert)))
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
    rest = finish_killed(process)
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


KILLED_MERGING = """
import os, signal, sys
from pathlib import Path
from embstore.store.mending import merging
from embstore.store.connection import open_database

calls, insert = [], merging._insert
def counted(*arguments):
    calls.append(insert(*arguments))
    if len(calls) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
merging._insert = counted
merging.merge_stores(open_database(sys.argv[1]), [Path(sys.argv[2])])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("insert", "stored"), [(1, 1), (6, 1), (10, 1), (17, 1), (18, 3)])
def test_a_killed_merge_leaves_all_of_it_or_nothing(
    path: Path, database: Database, insert: int, stored: int
) -> None:
    """Of seventeen insertions, then after the commit."""
    write_run(database, make_run())
    other = new_store(path.with_name("other.duckdb"), [make_run(seed=1), make_run(name="b")])
    finish_killed(start(KILLED_MERGING, path, other.path, str(insert)))
    again = open_database(path)
    assert (counts(again)["run"], counts(again)["measurement"]) == (stored, 54 * stored)
    merge_stores(again, [other.path])
    assert (counts(again)["run"], counts(again)["measurement"]) == (3, 162)


def test_what_was_removed_is_gone_when_only_the_log_says_so(path: Path, database: Database) -> None:
    """Tables that were made anew are so again when the log is read after a crash."""
    write_run(database, make_run())
    write_run(database, make_run(name="gone"))
    kept = new_store(path.with_name("kept.duckdb"), [make_run()])
    with database.begin() as connection:
        connection.exec_driver_sql("PRAGMA disable_checkpoint_on_shutdown")
        runs = find_runs(in_transaction(connection), Selection(models=["gone"]))
        removing._delete(connection, [str(run["run_id"]) for run in runs])
    assert path.with_name(f"{path.name}.wal").stat().st_size > 0
    assert contents(open_database(path)) == contents(kept)
    write_run(open_database(path), make_run(name="gone"))
    assert counts(database)["measurement"] == 108
