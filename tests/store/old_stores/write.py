"""Writes a small store with whichever embstore is on the path, and what its questions answer.

Run it in a checkout of the last commit before a migration, with that checkout on the path:

    git worktree add ../old COMMIT
    cd ../old && PYTHONPATH=. python .../write.py FOLDER

It leaves ``NNNN.duckdb.xz`` and ``NNNN.json.xz`` there, NNNN being the schema. Every embstore so
far has what it imports.
"""

import contextlib
import json
import lzma
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import embstore
from embstore.store import migration
from embstore.store.connection import open_database
from embstore.store.writing import write_run
from tests.synthetic import make_run


def main(folder: Path) -> None:
    store = folder / f"{migration.HEAD}.duckdb"
    database = open_database(store)
    series: dict[str, Any] = {"name": "example/series", "n_layers": 3, "hidden_size": 4}
    for run in (
        make_run(name="example/encoder", kind="encoder", n_layers=3, hidden_size=4),
        make_run(name="example/both", kind="encoder-decoder", n_layers=2, hidden_size=4),
        *(make_run(revision=f"step{n}", step=n, **series) for n in (1, 2000)),
        make_run(revision="step2000", step=2000, repeat=1, **series),
        make_run(name="example/encoder", kind="encoder", n_layers=3, hidden_size=4, seed=1),
    ):
        write_run(database, run)
    # Of schema 0004 and later.
    with contextlib.suppress(ImportError):
        from embstore.store.writing import write_failure
        from embstore.types import Failure

        failed_at = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
        write_failure(
            database,
            Failure("example/series", "step3", "load", "torn", "example-text", failed_at, "0.1.0"),
        )
    # Of schema 0011 and later.
    with contextlib.suppress(ImportError):
        from embstore.store.mending.deriving import derive_numbers

        derive_numbers(database, ["stable_rank"], models=["example/encoder"])
    # Of schema 0013 and later.
    with contextlib.suppress(ImportError):
        from embstore.store.scores import write_scores
        from embstore.types import Score

        scores: list[dict[str, Any]] = [
            {"model": "series", "step": 1, "value": 0.25, "std_error": 0.01},
            {"model": "example/series", "revision": "step2000", "value": 0.5},
            {"model": "example/absent", "value": 0.75, "scored_at": failed_at},
        ]
        given = [Score(**score, name="arc_easy/acc", source="scores.csv") for score in scores]
        write_scores(database, given)
    # Of schema 0014 and later.
    with contextlib.suppress(ImportError):
        from embstore.store.mending.grouping import group_models

        group_models(database, ["example/encoder", "example/both"], "example/seeds")
    opened = embstore.open(store)
    answers = {}
    for name in sorted(path.stem for path in Path("queries").glob("*.sql")):
        # Of one that has too little to say here there is no answer.
        with contextlib.suppress(embstore.EmbstoreError):
            answers[name] = _rows(opened.query(name))
    pack(store)
    whole = json.dumps(answers, default=str, indent=0).encode()
    (folder / f"{migration.HEAD}.json.xz").write_bytes(lzma.compress(whole, preset=9))


def _rows(answer: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = getattr(answer, "table", answer).to_pylist()
    return rows


def pack(store: Path) -> None:
    packed = store.with_name(f"{store.name}.xz")
    packed.write_bytes(lzma.compress(store.read_bytes(), preset=9))
    store.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
