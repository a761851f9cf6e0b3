"""Says what the lines of seeds in an answer are, and where seeds count as models of their own."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from embstore.asking.background import runs_of
from embstore.asking.parameters import ParameterValue
from embstore.common.messages import counted, listed
from embstore.store.quoting import quoted_ids

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.store.database import Database

_SPREADS = {
    "band": "from the least to the greatest",
    "quartiles": "between their quartiles",
}
_OF_TWO = {
    "band": "of two seeds a band has no more than their two values",
    "quartiles": "the quartiles of two seeds are a quarter of the way from one to the other",
}
_MOST_NAMED = 3

_RUNS = "run_id IN (SELECT unnest(string_split({runs}, ',')))"
_LEFT_OUT = """
SELECT model.name AS model, seed_run.seed_group, min(seed_run.differs) AS differs
FROM seed_run
JOIN model ON model.model_id = seed_run.model_id
WHERE seed_run.differs IS NOT NULL AND seed_run.{of_runs}
GROUP BY ALL
ORDER BY seed_run.seed_group, model.name
"""
# At step 0 seeds may differ in the order of the text alone.
_COPIES = """
SELECT band.seed_group, list(DISTINCT model.name ORDER BY model.name) AS models
FROM seed_run
JOIN run ON run.run_id = seed_run.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = seed_run.model_id
WHERE band IS NOT NULL AND coalesce(checkpoint.step, 1) > 0 AND seed_run.{of_runs}
GROUP BY band, checkpoint.weights_sha256
HAVING count(DISTINCT seed_run.model_id) > 1
ORDER BY ALL
"""
_NOT_TOGETHER = """
SELECT seed_run.seed_group, count(DISTINCT seed_run.model_id) AS n
FROM seed_run
JOIN run ON run.run_id = seed_run.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
WHERE NOT is_untrained(checkpoint.revision)
GROUP BY ALL
HAVING count(DISTINCT seed_run.model_id) > 1
    AND count(*) FILTER (seed_run.band IS NOT NULL) = 0
    AND count(*) FILTER (seed_run.{of_runs}) > 0
ORDER BY ALL
"""


_AS_MODELS = """
SELECT model_group.seed_group, count(DISTINCT model_group.model_id) AS n
FROM run
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model_group ON model_group.model_id = checkpoint.model_id
WHERE run.{of_runs}
GROUP BY ALL
HAVING n > 1
ORDER BY ALL
"""


def seed_notes(
    database: "Database", values: Mapping[str, ParameterValue], table: "pa.Table"
) -> tuple[str, ...]:
    """Return what to know of the groups of seeds in an answer; nothing where it has none.

    Args:
        database: the store that gave it.
        values: of all parameters of the question; without ``seeds`` it draws no groups, and
            with ``over=models`` it may correlate over their seeds.
        table: the answer.

    Raises:
        StoreError: the store cannot be read.
    """
    if values.get("over") == "models" and {"correlation", "run_ids"} <= set(table.column_names):
        return _as_models(database, table)
    spread = str(values.get("seeds"))
    drawn = {"model", "n_seeds"} <= set(table.column_names) and table.num_rows > 0
    if spread not in _SPREADS or values.get("runs") or not drawn:
        return ()
    chosen = _RUNS.format(runs=quoted_ids(runs_of(table)))
    left_out, copies, apart = (
        database.select(sql.format(of_runs=chosen)).to_pylist()
        for sql in (_LEFT_OUT, _COPIES, _NOT_TOGETHER)
    )
    notes = [_of_bands(spread, table)]
    if left_out:
        first = left_out[0]
        rest = dict.fromkeys(row["differs"] for row in left_out[1:])
        more = (
            f", and so {'does' if len(left_out) == 2 else 'do'} "
            f"{counted(len(left_out) - 1, 'more model')} ({listed(rest, most=_MOST_NAMED)})"
        )
        notes.append(
            f"{first['model']} is a seed of {first['seed_group']}, too, but differs from those in "
            f"the band in {first['differs']}{more if rest else ''}: not in the band, but by itself."
        )
    if copies:
        first = copies[0]
        names = listed(first["models"], most=_MOST_NAMED)
        notes.append(
            f"{names} of the seeds of {first['seed_group']} have the same weights: one training, "
            "counted more than once."
        )
    if apart:
        first = apart[0]
        notes.append(
            f"{first['seed_group']} is a group of {first['n']:,} models, but no two of them were "
            "measured alike at one step, or revision, over one text: there is no band."
        )
    return tuple(note for note in notes if note)


def _as_models(database: "Database", table: "pa.Table") -> tuple[str, ...]:
    """Say which of the models that were correlated are seeds of one another."""
    known = table.filter(table["correlation"].is_valid())
    chosen = _RUNS.format(runs=quoted_ids(runs_of(known)))
    groups = database.select(_AS_MODELS.format(of_runs=chosen)).to_pylist()
    if not groups:
        return ()
    of = [f"{row['seed_group']}: {counted(row['n'], 'seed')}" for row in groups]
    return (
        "Seeds of a group count as models of their own, though they are not independent "
        f"({listed(of, most=_MOST_NAMED)}): these intervals are too narrow. To take one of each, "
        "name it in models.",
    )


def _of_bands(spread: str, table: "pa.Table") -> str:
    """Say what line and band of each group are, and of how many seeds."""
    counts: dict[str, set[int]] = {}
    for model, n in zip(table["model"].to_pylist(), table["n_seeds"].to_pylist(), strict=True):
        # Where no seed has a value there is no line.
        if n:
            counts.setdefault(model, set()).add(n)
    if not counts:
        return ""
    of = [f"{group}: band over {_span(numbers)}" for group, numbers in counts.items()]
    two = f"; {_OF_TWO[spread]}" if any(2 in numbers for numbers in counts.values()) else ""
    return (
        "Seeds of a group are one line: their median at equal layer and step, in a band "
        f"{_SPREADS[spread]} ({listed(of, most=_MOST_NAMED)}), which is no error of "
        f"measurement{two}. Each seed by itself: seeds=single."
    )


def _span(numbers: set[int]) -> str:
    least, most = min(numbers), max(numbers)
    span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{span} seed{'s' * (most > 1)}"
