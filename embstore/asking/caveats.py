"""Says what a reader should know before trusting the numbers of an answer.

Large dimensions fall short; runs side by side may not have been measured alike; a later run of
fewer tokens may hide an earlier, larger one; layers may have no numbers at all.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.asking.background import MEASURED, measured_in, runs_of
from embstore.asking.few_vectors import few_tokens_note
from embstore.asking.short_windows import short_windows_note
from embstore.metrics.conventions import BY_HOW_MUCH, DIMENSION_CEILING
from embstore.metrics.names import MOVED_BY_FAR_POINTS, NEIGHBOR_ESTIMATES
from embstore.store.empty_layers import empty_layers
from embstore.store.quoting import quoted_ids

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.store.database import Database

# Columns of the metric that a column ``metric`` names: its values, and means and peaks of
# them. What ends otherwise is an error, an interval, a place or a difference.
_LEVEL = re.compile(r"(.+_)?(value|mean|peak)(_no_first|_no_sinks)?|seed_(low|high)")
_N_SHOWN = 4
_N_CHECKPOINTS_NAMED = 2

# One row for each way of measuring: sorting lists in DuckDB takes ten times as long.
_DISTINCT = """
SELECT DISTINCT
    tokens, window_size AS "tokens per window", coalesce(windows, 'tokens') AS windows,
    sample_size AS "tokens kept", dtype, seed
FROM run
WHERE run_id IN (SELECT unnest(string_split({runs}, ',')))
"""
# What the view latest_run leaves out, where it had more tokens. No run is later than the
# latest.
_HIDDEN = """
SELECT
    latest_run.run_id,
    latest_run.model,
    latest_run.revision,
    latest_run.corpus,
    run.tokens,
    larger.tokens AS hidden_tokens,
    larger.run_id AS hidden_run_id
FROM latest_run
JOIN run ON run.run_id = latest_run.run_id
JOIN run AS larger
    ON larger.checkpoint_id = run.checkpoint_id AND larger.corpus_id = run.corpus_id
    AND larger.tokens > run.tokens AND coalesce(larger.shuffle, 'none') = 'none'
QUALIFY row_number() OVER (
    PARTITION BY latest_run.run_id
    ORDER BY larger.tokens DESC, larger.created_at DESC, larger.run_id DESC
) = 1
ORDER BY
    latest_run.model, latest_run.step NULLS LAST, latest_run.revision, latest_run.corpus,
    latest_run.run_id
"""
# What the dimension by scale is called.
_CURVE = "Gride"


def dimension_caveat(table: "pa.Table") -> str | None:
    """Return which dimensions of an answer are so large that they fall short, or None.

    Args:
        table: an answer with a column ``metric`` and columns of its values, such as
            ``value``, ``peak_value`` or ``rest_mean``; or with columns called like metrics;
            or the ``dimension`` of curves, beside its ``rank``.
    """
    columns = table.column_names
    found: list[tuple[str, object]] = []
    for column in columns:
        if column in NEIGHBOR_ESTIMATES:
            found += [(column, value) for value in table[column].to_pylist()]
    if {"dimension", "rank"} <= set(columns):
        found += [(_CURVE, value) for value in table["dimension"].to_pylist()]
    metrics = table["metric"].to_pylist() if "metric" in columns else []
    if NEIGHBOR_ESTIMATES.intersection(metrics):
        for column in filter(_LEVEL.fullmatch, columns):
            named = zip(metrics, table[column].to_pylist(), strict=True)
            found += [(name, value) for name, value in named if name in NEIGHBOR_ESTIMATES]
    high = {name for name, value in found if isinstance(value, float) and value > DIMENSION_CEILING}
    if not high:
        return None
    return (
        f"Dimensions above about {DIMENSION_CEILING} are underestimated "
        f"({', '.join(sorted(high))}): {BY_HOW_MUCH}."
    )


def steps_caveat(table: "pa.Table") -> str | None:
    """Return that intervals over the steps of one training are too narrow, or None.

    Args:
        table: an answer with columns ``correlation``, ``score`` and ``layer``, which has no value
            where the correlation is not over steps.
    """
    if not {"correlation", "layer", "score"} <= set(table.column_names):
        return None
    if table["layer"].null_count == table.num_rows:
        return None
    return (
        "Steps of one training follow each other and are not independent: these intervals are "
        "too narrow, and what only grows with training correlates with everything that does."
    )


def no_error_caveat(table: "pa.Table") -> str | None:
    """Return why estimates of dimension have no error while others of an answer have, or None.

    Args:
        table: an answer with columns ``metric``, ``value`` and ``std_error``; or the
            ``dimension`` of curves with its ``std_error``, beside its ``rank``. With columns
            ``run_id`` and ``n_seeds`` each run is judged by itself, and groups of seeds are not.
    """
    columns = set(table.column_names)
    if "std_error" not in columns or table["std_error"].null_count == table.num_rows:
        return None
    if {"metric", "value"} <= columns:
        names, values = table["metric"].to_pylist(), table["value"].to_pylist()
    elif {"rank", "dimension"} <= columns:
        names, values = [_CURVE] * table.num_rows, table["dimension"].to_pylist()
    else:
        return None
    errors, runs, seeds = (_listed(table, name) for name in ("std_error", "run_id", "n_seeds"))
    # A run may have been measured without errors, or over one window: then none has any.
    with_errors = {run for run, error in zip(runs, errors, strict=True) if error is not None}
    without = {
        name
        for name, value, error, run, n in zip(names, values, errors, runs, seeds, strict=True)
        if name in {*MOVED_BY_FAR_POINTS, _CURVE} and value is not None and error is None
        # What a group of seeds has instead is a band.
        if run in with_errors and n is None
    }
    if not without:
        return None
    return (
        "No error is given where a few points far from all others, such as attention sinks, decide "
        f"an estimate ({', '.join(sorted(without))})."
    )


def _listed(table: "pa.Table", column: str) -> list[object]:
    """Return the values of a column, which need not be there."""
    there = column in table.column_names
    return table[column].to_pylist() if there else [None] * table.num_rows


def run_caveats(database: "Database", table: "pa.Table") -> tuple[str, ...]:
    """Return what to know of the runs behind an answer: small, unlike, hidden, incomplete ones.

    Raises:
        StoreError: the store cannot be read.
    """
    measured = measured_in(table)
    found = (
        few_tokens_note(database, *measured) if measured else None,
        short_windows_note(database, *measured) if measured else None,
        unequal_caveat(database, table),
        hidden_caveat(database, table),
        empty_caveat(database, table),
    )
    return tuple(text for text in found if text)


def unequal_caveat(database: "Database", table: "pa.Table") -> str | None:
    """Return what the runs behind an answer differ in besides model and text, or None.

    Args:
        database: the store that gave the answer.
        table: the answer; without a column of runs nothing is known of them, and one with a
            column ``unequal`` that is not empty says it itself.

    Raises:
        StoreError: the store cannot be read.
    """
    measured = measured_in(table)
    if measured is None:
        return None
    _, runs, _ = measured
    if len(runs) < 2 or _says_what_is_unequal(table):
        return None
    chosen = quoted_ids(runs)
    found = database.select(_DISTINCT.format(runs=chosen))
    distinct = {what: sorted(set(values) - {None}) for what, values in found.to_pydict().items()}
    unlike = [
        f"{what} ({', '.join(map(str, values[:_N_SHOWN]))}{', …' * (len(values) > _N_SHOWN)})"
        for what, values in distinct.items()
        if len(values) > 1
    ]
    if not unlike:
        return None
    return f"These runs differ in {', '.join(unlike)}: their numbers differ for that reason too."


def _says_what_is_unequal(table: "pa.Table") -> bool:
    return "unequal" in table.column_names and any(table["unequal"].unique().to_pylist())


@dataclass(frozen=True)
class HiddenRun:
    """A run that the views leave out though it had more tokens than the later one they show.

    Attributes:
        run_id: of the later run, which is shown.
        model: whose run it is.
        revision: of that model.
        corpus: the text that both runs read.
        tokens: of the later run.
        hidden_tokens: of the largest that it hides.
        hidden_run_id: of that one.
    """

    run_id: str
    model: str
    revision: str
    corpus: str
    tokens: int
    hidden_tokens: int
    hidden_run_id: str


def hidden_runs(database: "Database") -> list[HiddenRun]:
    """Return the largest run that each latest run of fewer tokens hides, by model and step.

    Raises:
        StoreError: the store cannot be read.
    """
    return [HiddenRun(**row) for row in database.select(_HIDDEN).to_pylist()]


def hidden_caveat(database: "Database", table: "pa.Table") -> str | None:
    """Return which runs behind an answer hide larger ones, in one line, or None.

    Args:
        database: the store that gave the answer.
        table: the answer; without a column of runs nothing is known of them, and a list of
            runs (it has a column ``latest``, or nothing measured) hides none.

    Raises:
        StoreError: the store cannot be read.
    """
    shown = _runs_of(table)
    if not shown:
        return None
    found = [
        run
        for run in hidden_runs(database)
        if run.run_id in shown and run.hidden_run_id not in shown
    ]
    return describe_hidden(found) if found else None


def empty_caveat(database: "Database", table: "pa.Table") -> str | None:
    """Return which runs behind an answer have layers without numbers, in one line, or None.

    Args:
        database: the store that gave the answer.
        table: the answer.

    Raises:
        StoreError: the store cannot be read.
    """
    found = empty_layers(database, _runs_of(table))
    if not found:
        return None
    first = found[0]
    more = f" Likewise in {len(found) - 1:,} more of these runs." if len(found) > 1 else ""
    return f"Of {first.model}, {first.revision}, {first.sentence}.{more}"


def _runs_of(table: "pa.Table") -> set[str]:
    """Return the runs that an answer has numbers of; none for a list of runs."""
    names = set(table.column_names)
    if "latest" in names or not names & MEASURED:
        return set()
    return set(runs_of(table))


def describe_hidden(runs: list[HiddenRun]) -> str:
    """Say of one or more runs that they are hidden, naming two checkpoints at most.

    >>> describe_hidden([HiddenRun("a", "gpt2", "main", "wiki", 512, 8192, "b")])
    'A later run of 512 tokens hides one of 8,192 (gpt2, main): see embstore query runs.'
    """
    first = {(run.model, run.revision): run for run in reversed(runs)}
    checkpoints = list(reversed(first.values()))
    if len(checkpoints) == 1:
        (run,) = checkpoints
        return (
            f"A later run of {run.tokens:,} tokens hides one of {run.hidden_tokens:,} "
            f"({run.model}, {run.revision}): see embstore query runs."
        )
    named = [
        f"{run.model}, {run.revision}: {run.tokens:,} tokens, {run.hidden_tokens:,} before"
        for run in checkpoints[:_N_CHECKPOINTS_NAMED]
    ]
    rest = len(checkpoints) - len(named)
    more = f"; and {rest:,} more checkpoint{'s' * (rest > 1)}" if rest else ""
    return f"Later runs hide larger ones ({'; '.join(named)}{more}): see embstore query runs."
