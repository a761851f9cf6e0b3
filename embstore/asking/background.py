"""What lies behind an answer: the text that was read, and the models of the whole store."""

from typing import TYPE_CHECKING

from embstore.common.messages import listed
from embstore.store.quoting import quoted_ids

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.store.database import Database

_READ = """
SELECT
    corpus.name AS text,
    min(run.tokens) AS fewest,
    max(run.tokens) AS most,
    min(run.n_windows) AS fewest_windows,
    max(run.n_windows) AS most_windows
FROM run
JOIN corpus ON corpus.corpus_id = run.corpus_id
WHERE run.run_id IN (SELECT unnest(string_split({runs}, ',')))
GROUP BY corpus.name
ORDER BY corpus.name
"""
# What makes a row one of measured numbers, and not one about a run.
MEASURED = {"depth", "layer", "metric", "peak_value", "scope", "value"}
_MOST_NAMED = 3
# One that is measured later comes later: the places of the others stay.
_MODELS = """
SELECT model.name
FROM model
LEFT JOIN checkpoint ON checkpoint.model_id = model.model_id
LEFT JOIN run ON run.checkpoint_id = checkpoint.checkpoint_id
GROUP BY model.name
ORDER BY min(run.created_at) NULLS LAST, model.name
"""


# The first measured of each.
_GROUPS = """
SELECT model_group.seed_group, model.name AS model
FROM model_group
JOIN model ON model.model_id = model_group.model_id
JOIN checkpoint ON checkpoint.model_id = model.model_id
JOIN run ON run.checkpoint_id = checkpoint.checkpoint_id
QUALIFY row_number() OVER (
    PARTITION BY model_group.seed_group ORDER BY run.created_at, model.name, run.run_id
) = 1
ORDER BY model_group.seed_group
"""


def models_by_age(database: "Database") -> tuple[str, ...]:
    """Return the names of all models of the store, the one measured first at the beginning.

    Raises:
        StoreError: the store cannot be read.
    """
    return tuple(database.select(_MODELS).column("name").to_pylist())


def groups_by_age(database: "Database") -> dict[str, str]:
    """Return for each group of seeds which of its models was measured first.

    Raises:
        StoreError: the store cannot be read.
    """
    found = database.select(_GROUPS).to_pylist()
    return {row["seed_group"]: row["model"] for row in found}


def text_read(database: "Database", table: "pa.Table") -> str | None:
    """Return what the runs behind an answer read, in one line; None if it names no runs.

    Raises:
        StoreError: the store cannot be read.
    """
    runs = runs_of(table)
    if not runs:
        return None
    found = database.select(_READ.format(runs=quoted_ids(runs))).to_pylist()
    if not found:
        return None
    tokens = _span(min(r["fewest"] for r in found), max(r["most"] for r in found))
    windows = _span(min(r["fewest_windows"] for r in found), max(r["most_windows"] for r in found))
    texts = listed([row["text"] for row in found], most=_MOST_NAMED)
    return f"{tokens} tokens of {texts} in {windows} window{'s' * (windows != '1')}."


def _span(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def runs_of(table: "pa.Table") -> list[str]:
    """Return the runs of columns such as run_id, before_run_id and the lists run_ids."""
    found: dict[str, None] = {}
    for name in table.column_names:
        if name in {"run_id", "run_ids"} or name.endswith("_run_id"):
            for value in table[name].to_pylist():
                each = value if isinstance(value, list) else [value]
                found.update(dict.fromkeys(str(run) for run in each if run is not None))
    return list(found)


def measured_in(table: "pa.Table") -> tuple[set[str], set[str], list[str | None]] | None:
    """Return the metrics, runs and scopes of an answer of measured numbers; None of any other.

    Columns may be called like metrics, so their names are among the metrics.
    """
    names = set(table.column_names)
    runs = set(runs_of(table))
    if not runs or not names & MEASURED:
        return None
    metrics = names.union(table["metric"].unique().to_pylist() if "metric" in names else ())
    scopes = table["scope"].unique().to_pylist() if "scope" in names else []
    return metrics, runs, scopes
