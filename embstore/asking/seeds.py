"""Says what the lines of seeds in an answer are, and where seeds count as models of their own."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from embstore.asking.background import MEASURED, runs_of
from embstore.asking.parameters import ParameterValue
from embstore.asking.question import Question
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
# What becomes of a group, by the mark of the chart; a heat map has no place for its band.
_IN_ONE = {
    "line": "line: their median at equal layer and step, in a band",
    "point": "point: their median, in a band",
    "rect": "panel: their median at equal layer and step; seed_low and seed_high are its band",
}
_MOST_NAMED = 3

_RUNS = "run_id IN (SELECT unnest(string_split({runs}, ',')))"
_HAS_GROUPS = "SELECT seed_group FROM model_group GROUP BY seed_group HAVING count(*) > 1"
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
# Two checkpoints of a seed that one place in a band could have; the view has the newest there.
_REPLACED = """
WITH named AS (
    SELECT
        seed_run.run_id, seed_run.model_id, seed_run.seed_group, model.name AS model,
        seed_run.band IS NOT NULL AS in_band, checkpoint.revision, checkpoint.weights_sha256,
        coalesce('step ' || checkpoint.step, checkpoint.revision) AS moment,
        training_course(checkpoint.revision) AS course,
        run.corpus_id, coalesce(run.shuffle, 'none') AS shuffle
    FROM seed_run
    JOIN run ON run.run_id = seed_run.run_id
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN model ON model.model_id = seed_run.model_id
    WHERE NOT is_untrained(checkpoint.revision)
)
SELECT DISTINCT newest.seed_group, newest.model, newest.moment, newest.revision
FROM named AS newest
JOIN named AS older USING (model_id, moment, course, corpus_id, shuffle)
WHERE newest.in_band AND newest.weights_sha256 <> older.weights_sha256 AND newest.{of_runs}
ORDER BY ALL
"""
_BY_THEMSELVES = """
SELECT model_group.seed_group, count(DISTINCT model_group.model_id) AS n
FROM model_group
JOIN checkpoint ON checkpoint.model_id = model_group.model_id
JOIN run ON run.checkpoint_id = checkpoint.checkpoint_id
WHERE NOT is_untrained(checkpoint.revision) AND run.{of_runs}
GROUP BY ALL
HAVING count(DISTINCT model_group.model_id) > 1
ORDER BY ALL
"""


def seed_notes(
    database: "Database",
    question: Question,
    values: Mapping[str, ParameterValue],
    table: "pa.Table",
) -> tuple[str, ...]:
    """Return what to know of the groups of seeds in an answer; nothing where it has none.

    Args:
        database: the store that gave it.
        question: what was asked.
        values: of all its parameters; without ``seeds`` it takes no group together, and with
            ``over=models`` it may correlate over their seeds.
        table: the answer.

    Raises:
        StoreError: the store cannot be read.
    """
    if values.get("over") == "models" and {"correlation", "run_ids"} <= set(table.column_names):
        return _as_models(database, table)
    if question.built_in and question.encoding and "seeds" not in values:
        return _by_themselves(database, table)
    spread = str(values.get("seeds"))
    drawn = {"model", "n_seeds"} <= set(table.column_names) and table.num_rows > 0
    if spread not in _SPREADS or values.get("runs") or not drawn:
        return ()
    # Most stores have no groups, and what follows takes longer than many a question.
    if not database.select(_HAS_GROUPS).num_rows:
        return ()
    chosen = _RUNS.format(runs=quoted_ids(runs_of(table)))
    left_out, copies, apart, replaced = (
        database.select(sql.format(of_runs=chosen)).to_pylist()
        for sql in (_LEFT_OUT, _COPIES, _NOT_TOGETHER, _REPLACED)
    )
    together, alone = _lines(table)
    # The views tell of the newest runs, and an answer may be of others.
    left_out = [row for row in left_out if row["model"] in alone]
    apart = [row for row in apart if row["seed_group"] not in together]
    mark = question.encoding.mark if question.encoding else "line"
    notes = [_of_bands(spread, together, mark)]
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
    if replaced:
        first = replaced[0]
        called = "" if first["moment"] == first["revision"] else f" ({first['revision']})"
        more = f", and so in {counted(len(replaced) - 1, 'more case')}" if replaced[1:] else ""
        notes.append(
            f"{first['model']} has several checkpoints at {first['moment']} with other weights: "
            f"the one measured last{called} is in the band of {first['seed_group']}{more}."
        )
    if apart:
        first = apart[0]
        notes.append(
            f"{first['seed_group']} is a group of {first['n']:,} models, but no two of them were "
            "measured alike at one step, or revision, over one text: there is no band."
        )
    return tuple(note for note in notes if note)


def _seeds_in(database: "Database", runs: Sequence[str]) -> list[str]:
    """Say of which groups some runs have several seeds, and how many."""
    found = database.select(_BY_THEMSELVES.format(of_runs=_RUNS.format(runs=quoted_ids(runs))))
    return [f"{row['n']:,} seeds of {row['seed_group']}" for row in found.to_pylist()]


def _as_models(database: "Database", table: "pa.Table") -> tuple[str, ...]:
    """Say which of the models that were correlated are seeds of one another."""
    of = _seeds_in(database, runs_of(table.filter(table["correlation"].is_valid())))
    if not of:
        return ()
    return (
        "Seeds of a group count as models of their own, though they are not independent "
        f"({listed(of, most=_MOST_NAMED)}): these intervals are too narrow. To take one of each, "
        "name it in models.",
    )


def _by_themselves(database: "Database", table: "pa.Table") -> tuple[str, ...]:
    """Say which groups an answer of measured numbers has several seeds of, each by itself."""
    names = set(table.column_names)
    runs = runs_of(table)
    # Where latest is a column the rows are runs, and no numbers are compared.
    if not runs or not names & MEASURED or "latest" in names:
        return ()
    groups = _seeds_in(database, runs)
    if not groups:
        return ()
    return (
        f"This question takes no seeds together: {listed(groups, most=_MOST_NAMED)} are models of "
        "their own here.",
    )


def _lines(table: "pa.Table") -> tuple[dict[str, set[int]], set[str]]:
    """Return of how many seeds the lines of each group are, and the models drawn by themselves."""
    together: dict[str, set[int]] = {}
    alone: set[str] = set()
    for model, n in zip(table["model"].to_pylist(), table["n_seeds"].to_pylist(), strict=True):
        if n is None:
            alone.add(model)
        # Where no seed has a value there is no line.
        elif n:
            together.setdefault(model, set()).add(n)
    return together, alone


def _of_bands(spread: str, together: Mapping[str, set[int]], mark: str) -> str:
    """Say what line and band of each group are, and of how many seeds."""
    if not together:
        return ""
    of = [f"{group}: band over {_span(numbers)}" for group, numbers in together.items()]
    two = f"; {_OF_TWO[spread]}" if any(2 in numbers for numbers in together.values()) else ""
    return (
        f"Seeds of a group are one {_IN_ONE.get(mark, _IN_ONE['line'])} {_SPREADS[spread]} "
        f"({listed(of, most=_MOST_NAMED)}), which is no error of measurement{two}. "
        "Each seed by itself: seeds=single."
    )


def _span(numbers: set[int]) -> str:
    least, most = min(numbers), max(numbers)
    span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{span} seed{'s' * (most > 1)}"
