"""Eight processes write into one file while two ask: nothing is lost, and nothing there twice.

python -m tests.stress.crowd
"""

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from embstore.errors import StoreError
from embstore.store.connection import open_database
from embstore.store.writing import write_run
from tests.stress.children import begin, in_child, results
from tests.synthetic import make_run

WRITERS, ASKERS, RUNS = 8, 2, 2
# Waiting longer than this for the others would be a fault of its own.
_TIMEOUT = 120.0

_NUMBERS = """
SELECT run_id, count(value) AS n
FROM run LEFT JOIN measurement USING (run_id)
GROUP BY run_id
"""
_MODELS = """
SELECT model.name, count(DISTINCT run.seed) AS seeds, count(*) AS runs
FROM run
JOIN checkpoint USING (checkpoint_id)
JOIN model USING (model_id)
GROUP BY model.name
ORDER BY model.name
"""


def write(path: Path, writer: int) -> None:
    """Store runs of one's own, and runs that all others store too."""
    for seed in range(RUNS):
        database = open_database(path, timeout=_TIMEOUT)
        write_run(database, make_run(name=f"model {writer}", seed=seed))
        write_run(database, make_run(name="of all", seed=seed))


def ask(path: Path, done: Path) -> int:
    """Ask again and again: no run may be there in part, or go away; return how often it was."""
    seen, asked = 0, 0
    parent = os.getppid()
    # If the parent is killed, nobody says that all is done.
    while not done.exists() and os.getppid() == parent:
        time.sleep(0.02)
        if not path.exists():
            continue
        found = open_database(path, create=False, timeout=_TIMEOUT).select(_NUMBERS)
        numbers = set(found["n"].to_pylist())
        if len(numbers) > 1 or len(found) < seen:
            raise AssertionError(f"after {seen} runs there were {found.to_pylist()}")
        seen, asked = len(found), asked + 1
    return asked


def main() -> int:
    """Let them all work at once; return 1 if anything is lost or there twice."""
    with tempfile.TemporaryDirectory() as folder:
        # The file does not exist yet, so they race for creating it as well.
        path, done = Path(folder, "store.duckdb"), Path(folder, "done")
        asking = [begin(partial(ask, path, done)) for _ in range(ASKERS)]
        began = time.perf_counter()
        try:
            results([begin(partial(write, path, writer)) for writer in range(WRITERS)])
        finally:
            seconds = time.perf_counter() - began
            done.touch()
            asked = sum(results(asking))
        found = in_child(lambda: open_database(path, create=False).select(_MODELS).to_pylist())
        left = sorted(item.name for item in Path(folder).iterdir())
    names = [*(f"model {i}" for i in range(WRITERS)), "of all"]
    expected = [{"name": name, "seeds": RUNS, "runs": RUNS} for name in names]
    whole = found == expected and left == ["done", "store.duckdb"] and asked > 0
    verdict = "nothing lost, nothing twice" if whole else f"found {found}, left {left}"
    wrote = f"{WRITERS} wrote {len(names) * RUNS} runs in {seconds:.1f} s"
    print(f"{wrote}, {ASKERS} asked {asked} times: {verdict}")
    return int(not whole)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, StoreError) as error:
        sys.exit(f"error: {error}")
