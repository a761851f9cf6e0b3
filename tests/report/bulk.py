"""A store of many models and checkpoints, filled in bulk: what a page must stay small for."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa
from duckdb_sqlalchemy import insert_from_arrow

from embstore.store import schema
from embstore.store.database import Database
from embstore.store.ids import content_id
from tests.stores import new_store
from tests.synthetic import make_run

_START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)

# One run of each model is written as any other, and gives the rest their facts; the bell
# grows with the step, the dimension rises and falls, and a little noise costs bytes.
_RUNS = """
INSERT INTO run BY NAME
SELECT run.* REPLACE (n.run_id AS run_id, n.checkpoint_id AS checkpoint_id,
    n.run_id AS configuration_id, n.created_at AS created_at)
FROM new_run AS n
JOIN checkpoint AS own ON own.checkpoint_id = n.checkpoint_id
JOIN checkpoint AS first ON first.model_id = own.model_id
JOIN run ON run.checkpoint_id = first.checkpoint_id
"""
_LAYERS = """
INSERT INTO layer BY NAME
SELECT layer.* REPLACE (n.run_id AS run_id)
FROM new_run AS n
JOIN checkpoint AS own ON own.checkpoint_id = n.checkpoint_id
JOIN checkpoint AS first ON first.model_id = own.model_id
JOIN run ON run.checkpoint_id = first.checkpoint_id
JOIN layer ON layer.run_id = run.run_id
WHERE run.run_id NOT IN (SELECT run_id FROM new_run)
"""
_MEASUREMENTS = """
INSERT INTO measurement BY NAME
SELECT
    layer.run_id, layer.stack, layer.layer, layer.site, scope, metric.name AS metric,
    value, value * 0.02 AS std_error, value * 0.96 AS ci_low, value * 1.04 AS ci_high,
    layer.n_tokens AS n, NULL AS reason
FROM layer
JOIN new_run ON new_run.run_id = layer.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = new_run.checkpoint_id
CROSS JOIN metric
CROSS JOIN (SELECT unnest(['all', 'no_first', 'no_sinks']) AS scope)
CROSS JOIN LATERAL (
    SELECT
        (hash(layer.run_id, layer.stack, layer.layer, layer.site, scope, metric.name) % 1000)
            / 1000.0 AS noise,
        ln(1 + step) / ln(1 + $last) AS progress
)
CROSS JOIN LATERAL (
    SELECT (1 + 0.01 * noise) * CASE
        WHEN metric.name = 'anisotropy' AND scope = 'no_sinks' THEN 0.1
        WHEN metric.name = 'anisotropy' THEN 0.05 + 0.9 * progress * 4 * depth * (1 - depth)
        ELSE 6 + 8 * 4 * progress * (1 - progress) + 2 * depth END AS value
)
"""
# Of the last checkpoints, which a page has them for; the first runs have theirs already.
_LINES = """
CREATE TEMP TABLE last_layer AS
SELECT layer.run_id, layer.stack, layer.layer, layer.site
FROM layer
JOIN new_run ON new_run.run_id = layer.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = new_run.checkpoint_id
WHERE checkpoint.step = $last
"""
_SPECTRA = """
INSERT INTO spectrum BY NAME
SELECT
    last_layer.*, scope,
    [pow(i, -1.2) * (1 + 0.1 * (hash(run_id, layer, scope, i) % 1000) / 1000.0)
        for i in range(1, $width + 1)] AS eigenvalues,
    list_sum(eigenvalues) AS trace, 4096 AS n
FROM last_layer
CROSS JOIN (SELECT unnest(['all', 'no_first', 'no_sinks']) AS scope)
"""
_CURVES = """
INSERT INTO dimension_curve BY NAME
SELECT
    last_layer.*, scope, rank,
    8 + rank / 10.0 + (hash(run_id, layer, scope, rank) % 1000) / 1000.0 AS dimension,
    0.5 AS std_error, dimension - 1 AS ci_low, dimension + 1 AS ci_high,
    100 * ln(1 + rank) + layer AS mean_distance, 4096 AS n
FROM last_layer
CROSS JOIN (SELECT unnest(['all', 'no_first', 'no_sinks']) AS scope)
CROSS JOIN (SELECT unnest([1, 2, 4, 8, 16, 32]) AS rank)
"""
_MASSIVE = """
INSERT INTO massive_activation BY NAME
SELECT
    last_layer.*, rank, rank % 8 AS window_index, 0 AS position, 7 + rank AS token_id,
    'word' || rank AS token, 507 AS coordinate, 20000.0 / rank AS value
FROM last_layer
CROSS JOIN (SELECT unnest(range(1, 17)) AS rank)
"""


def fill(
    path: Path,
    *,
    models: int,
    checkpoints: int,
    n_layers: int,
    metrics: Sequence[str],
    width: int = 64,
) -> Database:
    """Fill a new store: every model at every step, with one value per cell.

    The last checkpoints have spectra of ``width`` numbers, dimensions by scale and the
    largest coordinates too.
    """
    database = new_store(
        path,
        [
            make_run(
                name=f"lab/model-{number:02d}",
                kind="encoder" if number % 5 == 4 else "decoder",
                revision="step0",
                step=0,
                tokens_seen=0,
                n_layers=n_layers,
                created_at=_START,
            )
            for number in range(models)
        ],
    )
    # As Pythia's: powers of two, then every thousand.
    steps = [0, *(2**i for i in range(10)), *range(1000, 1_000_000, 1000)][:checkpoints]
    known = database.select("SELECT model_id, name FROM model").to_pylist()
    rows = [
        {
            "checkpoint_id": content_id([model["name"], step]),
            "model_id": model["model_id"],
            "revision": f"step{step}",
            "step": step,
            "tokens_seen": step * 2_097_152,
            "weights_sha256": 2 * content_id([model["name"], step, "weights"]),
            "weights_bytes": 1_000_000,
        }
        for model in known
        for step in steps[1:]
    ]
    runs = [
        {
            "run_id": content_id([row["checkpoint_id"], "run"]),
            "checkpoint_id": row["checkpoint_id"],
            "created_at": _START + timedelta(minutes=number),
        }
        for number, row in enumerate(rows)
    ]
    with database.begin() as connection:
        extra = [name for name in metrics if name not in {"anisotropy", "twonn", "mean_cosine"}]
        for name in extra:
            connection.execute(
                sa.text(
                    "INSERT INTO metric BY NAME SELECT * REPLACE (:name AS name, :name AS title) "
                    "FROM metric WHERE metric.name = 'twonn'"
                ),
                {"name": name},
            )
        if rows:
            insert_from_arrow(connection, schema.checkpoint, pa.Table.from_pylist(rows))
        connection.exec_driver_sql(
            "CREATE TEMP TABLE new_run (run_id VARCHAR, checkpoint_id VARCHAR, "
            "created_at TIMESTAMPTZ)"
        )
        if runs:
            new_run = sa.table("new_run", *map(sa.column, runs[0]))
            insert_from_arrow(connection, new_run, pa.Table.from_pylist(runs))
        connection.exec_driver_sql(_RUNS)
        connection.exec_driver_sql(_LAYERS)
        last = max(2, steps[-1])
        connection.exec_driver_sql(_MEASUREMENTS.replace("$last", str(math.ceil(last))))
        connection.exec_driver_sql(_LINES.replace("$last", str(steps[-1])))
        connection.exec_driver_sql(_SPECTRA.replace("$width", str(width)))
        connection.exec_driver_sql(_CURVES)
        connection.exec_driver_sql(_MASSIVE)
    return database
