"""Reads from the store what a report is about: models, runs, layers, what is missing."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from embstore.checkpoints.revisions import Revision, in_training_order
from embstore.common.messages import closest, listed
from embstore.errors import QueryError
from embstore.report.read.questions import ask
from embstore.report.read.readable import readable
from embstore.report.records import Contents, ModelFacts, Row, State

if TYPE_CHECKING:
    from embstore.store.database import Database

# The runs that the questions take too: the latest of each checkpoint and text. They are in the
# order in which a reader wants to see them, and known by their place in it.
_RUNS = """
SELECT
    run.run_id,
    model.model_id,
    model.name AS model,
    checkpoint.revision,
    is_untrained(checkpoint.revision) AS untrained,
    checkpoint.step,
    checkpoint.tokens_seen,
    checkpoint.weights_sha256,
    checkpoint.weights_bytes,
    original.revision AS duplicate_of,
    corpus.corpus_id,
    corpus.name AS corpus,
    corpus.sha256 AS corpus_sha256,
    run.tokens,
    run.window_size,
    run.n_windows,
    coalesce(run.windows, 'tokens') AS windows,
    run.sample_size,
    run.seed,
    run.dtype,
    run.scopes,
    run.sink_threshold,
    facts.n_sinks,
    facts.n_duplicates,
    facts.n_zero,
    facts.neighbor_method,
    facts.neighbor_recall,
    run.n_special_tokens,
    run.tokenizer_sha256,
    run.token_ids_sha256,
    strftime(run.created_at, '%Y-%m-%dT%H:%M:%SZ') AS created_at,
    run.embstore_version,
    run.git_commit,
    run.git_dirty,
    run.python_version,
    run.torch_version,
    run.transformers_version,
    run.duckdb_version,
    run.numpy_version,
    run.device,
    run.attention,
    run.linear,
    run.accumulation_dtype,
    run.batch_size,
    run.wall_seconds,
    run.forward_seconds,
    run.geometry_seconds,
    run.peak_memory_bytes,
    current_metrics.metric_versions,
    run.study,
    current_tags.tags,
    run.repeat,
    run.configuration_id
FROM latest_run
JOIN run USING (run_id)
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
JOIN current_tags ON current_tags.run_id = run.run_id
JOIN current_metrics ON current_metrics.run_id = run.run_id
LEFT JOIN checkpoint AS original ON original.checkpoint_id = checkpoint.duplicate_of
LEFT JOIN (
    SELECT
        run_id,
        max(n_sinks) AS n_sinks,
        max(n_duplicates) AS n_duplicates,
        max(n_zero) AS n_zero,
        string_agg(DISTINCT neighbor_method, ', ' ORDER BY neighbor_method) AS neighbor_method,
        min(neighbor_recall) AS neighbor_recall
    FROM layer
    GROUP BY run_id
) AS facts ON facts.run_id = run.run_id
WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model.name)
ORDER BY
    model.name, model.model_id, corpus.name, corpus.corpus_id,
    checkpoint.step NULLS LAST, checkpoint.revision, run.run_id
"""

_MODELS = """
SELECT
    display_name, model_id, name, kind, architecture, source, n_layers, hidden_size, n_parameters,
    vocab_size, context_length, age
FROM model
JOIN display_name USING (model_id)
-- Which the store's charts colour models by.
JOIN (
    SELECT
        model_id,
        row_number() OVER (ORDER BY min(created_at) NULLS LAST, name, model_id) - 1 AS age
    FROM model
    LEFT JOIN checkpoint USING (model_id)
    LEFT JOIN run USING (checkpoint_id)
    GROUP BY model_id, name
) USING (model_id)
WHERE $models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], name)
ORDER BY name, model_id
"""

_STATES = """
SELECT model_id, layer.stack, layer.layer, layer.site, any_value(layer.depth) AS depth
FROM layer
JOIN run USING (run_id)
JOIN checkpoint USING (checkpoint_id)
WHERE list_contains($models, model_id)
GROUP BY model_id, layer.stack, layer.layer, layer.site
-- The encoder before the decoder; a last block before the norm after it.
ORDER BY model_id, layer.stack DESC, layer.layer, layer.site
"""

_CORPORA = "SELECT * FROM corpus ORDER BY name, corpus_id"

_METRICS = """
SELECT name, version, title, symbol, formula, unit, lower, upper, citation, uncertainty
FROM metric
QUALIFY row_number() OVER (PARTITION BY name ORDER BY version DESC) = 1
ORDER BY name
"""

# Whether a report of some models leaves out runs that a newer one of the same work replaces.
_OLDER = """
SELECT count(*) AS n
FROM run
JOIN checkpoint USING (checkpoint_id)
JOIN model USING (model_id)
WHERE ($models::VARCHAR[] IS NULL OR list_contains($models::VARCHAR[], model.name))
    AND run_id NOT IN (SELECT latest_run.run_id FROM latest_run)
    AND coalesce(run.shuffle, 'none') = 'none'
"""

_SEEDS = """
SELECT DISTINCT name
FROM model
JOIN model_group USING (model_id)
WHERE seed_group = $group
ORDER BY name
"""


def read_contents(database: "Database", models: Sequence[str] | None = None) -> Contents:
    """Read what a report of all models, or of some, is about.

    Raises:
        QueryError: the store does not have a model; names the closest.
    """
    chosen = {"models": list(models) if models else None}
    if models:
        _check_models(database, models)
    stored = database.select(_RUNS, chosen).to_pylist()
    runs = tuple(readable(stored))
    newest = _newest(runs)
    places: dict[object, list[int]] = {}
    for place, run in enumerate(runs):
        places.setdefault(run["model_id"], []).append(place)
    rows = [
        row
        for row in readable(database.select(_MODELS, chosen).to_pylist())
        if row["model_id"] in places
    ]
    states: dict[object, list[State]] = {row["model_id"]: [] for row in rows}
    for row in database.select(_STATES, {"models": list(states)}).to_pylist():
        model_id = row.pop("model_id")
        states[model_id].append(State(**row))
    measured = {run["corpus_id"] for run in runs}
    return Contents(
        models=tuple(
            ModelFacts(
                label=row.pop("display_name"),
                facts=row,
                states=tuple(states[row["model_id"]]),
                runs=tuple(places[row["model_id"]]),
            )
            for row in rows
        ),
        runs=runs,
        newest=newest,
        corpora=tuple(
            row
            for row in readable(database.select(_CORPORA).to_pylist())
            if row["corpus_id"] in measured
        ),
        metrics=tuple(readable(database.select(_METRICS).to_pylist())),
        failures=_failures(database, chosen["models"]),
        older_runs=int(database.select(_OLDER, chosen)["n"][0].as_py()),
        models_asked=tuple(models) if models else None,
        newest_revisions=tuple(sorted({stored[place]["revision"] for place in newest})),
    )


def _failures(database: "Database", models: list[str] | None) -> tuple[Row, ...]:
    """Read which checkpoints still fail, with the latest reason and how often they did."""
    found: dict[tuple[str, str], Row] = {}
    attempts: Counter[tuple[str, str]] = Counter()
    # The latest first.
    for row in readable(ask(database, "failures", models=models)):
        if row["resolved"]:
            continue
        checkpoint = (row["model"], row["revision"])
        attempts[checkpoint] += 1
        found.setdefault(checkpoint, row)
    return tuple(
        {
            **{key: row[key] for key in ("model", "revision", "stage", "reason", "corpus")},
            "failed_at": f"{row['failed_at']:%Y-%m-%dT%H:%M:%SZ}",
            "attempts": attempts[checkpoint],
        }
        for checkpoint, row in sorted(found.items())
    )


def _newest(runs: Sequence[Row]) -> tuple[int, ...]:
    """Find the last checkpoint of every model and text, in the order of training.

    One without a step, such as main, is a final one; of several, the latest run. An
    untrained control is the last only where there is nothing else.
    """
    found: dict[tuple[object, object], list[int]] = {}
    for place, run in enumerate(runs):
        found.setdefault((run["model_id"], run["corpus_id"]), []).append(place)
    return tuple(sorted(_last(runs, places) for places in found.values()))


def _last(runs: Sequence[Row], places: Sequence[int]) -> int:
    trained = [place for place in places if not runs[place]["untrained"]] or places
    final = [place for place in trained if runs[place]["step"] is None]
    if final:
        return max(final, key=lambda place: _created(runs[place]))
    place_of = {str(runs[place]["revision"]): place for place in trained}
    steps = [Revision(name, int(str(runs[place]["step"]))) for name, place in place_of.items()]
    return place_of[in_training_order(steps)[-1].name]


def _created(run: Row) -> str:
    return str(run["created_at"])


def _check_models(database: "Database", wanted: Sequence[str]) -> None:
    found = database.select("SELECT DISTINCT name FROM model ORDER BY name")["name"].to_pylist()
    known = [str(name) for name in found]
    for name in wanted:
        if name in known:
            continue
        if not known:
            raise QueryError(f"no model {name!r} {database.where}; it has none yet")
        if seeds := database.select(_SEEDS, {"group": name})["name"].to_pylist():
            raise QueryError(
                f"{name} is a group of seeds, and a report is of models: name them, {listed(seeds)}"
            )
        raise QueryError(
            f"no model {name!r} {database.where}{closest(name, known)}; it has {listed(known)}"
        )
