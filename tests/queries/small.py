"""A small store with every kind of model, whose every number is known."""

from datetime import UTC, datetime

from duckdb_sqlalchemy import insert_from_arrow

from embstore.choices import Scope
from embstore.store import schema
from embstore.store.columns import arrow_table
from embstore.store.database import Database
from embstore.store.writing import write_failure, write_runs
from embstore.types import Failure, LayerKey, Score
from tests.queries.asking import copy_of
from tests.synthetic import ALL_METRICS, make_run, make_scores, with_windows

N_RUNS = 10


def with_a_gap(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    return None if key.layer == 2 else 0.25 + depth / 2


def fill(database: Database) -> Database:
    """Store the runs, and a failure; return the store."""
    runs = [
        with_windows(
            make_run(name="lab/decoder", metrics=ALL_METRICS, tags={"lab": "a"}),
            window_twonn_ml=lambda key: (3.0, 1.0 + key.layer, 4.0, 2.0),
            window_loss=lambda _key: (3.0, 1.0, 2.0, 4.0),
        ),
        make_run(name="lab/encoder", kind="encoder", n_layers=2),
        # A control, which stands beside the run of the text as it is.
        make_run(name="lab/encoder", kind="encoder", n_layers=2, shuffle="words"),
        make_run(name="lab/t5", kind="encoder-decoder", n_layers=2),
        make_run(name="lab/steps", revision="step1", step=1, values=with_a_gap),
        make_run(name="lab/steps", revision="step2", step=2),
        copy_of(make_run(name="lab/steps", revision="step2", step=2), revision="step3", step=3),
        make_run(name="lab/texts", corpus="prose"),
        make_run(name="lab/texts", corpus="verse"),
        # Of that name a paper has published values.
        make_run(name="openai-community/gpt2", n_layers=12, hidden_size=768),
    ]
    write_runs(database, runs)
    _import(database, make_scores(*runs))
    failed_at = datetime(2026, 11, 2, tzinfo=UTC)
    write_failure(
        database,
        Failure("lab/steps", "step4", "load", "damaged", "example-text", failed_at, "0.1.0"),
    )
    return database


def _import(database: Database, scores: list[Score]) -> None:
    """Store scores as if they had been imported at one moment, so that stores are the same."""
    at = datetime(2026, 11, 3, tzinfo=UTC)
    rows = [{**vars(score), "imported_at": at, "embstore_version": "0.1.0"} for score in scores]
    if database.select("SELECT 1 FROM score LIMIT 1").num_rows:
        return
    with database.begin() as connection:
        insert_from_arrow(connection, schema.score, arrow_table(schema.score, rows))
