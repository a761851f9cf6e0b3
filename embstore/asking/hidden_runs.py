"""Says where a later run of fewer tokens hides an earlier, larger one from an answer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.store.connection import Database

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
    AND larger.tokens > run.tokens
QUALIFY row_number() OVER (
    PARTITION BY latest_run.run_id
    ORDER BY larger.tokens DESC, larger.created_at DESC, larger.run_id DESC
) = 1
ORDER BY
    latest_run.model, latest_run.step NULLS LAST, latest_run.revision, latest_run.corpus,
    latest_run.run_id
"""
# What makes a row one of measured numbers, and not one about a run.
_MEASURED = {"metric", "layer", "scope"}
_NAMED = 2


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


def hiding_note(database: "Database", table: "pa.Table") -> str | None:
    """Return which runs behind an answer hide larger ones, in one line, or None.

    Args:
        database: the store that gave the answer.
        table: the answer; without a column of runs nothing is known of them, and a list of
            runs (it has a column ``latest``, or nothing measured) hides none.

    Raises:
        StoreError: the store cannot be read.
    """
    names = set(table.column_names)
    columns = [name for name in names if name == "run_id" or name.endswith("_run_id")]
    if not columns or "latest" in names or not names & _MEASURED:
        return None
    shown = {run for name in columns for run in table[name].unique().to_pylist()}
    found = [
        run
        for run in hidden_runs(database)
        if run.run_id in shown and run.hidden_run_id not in shown
    ]
    return describe_hidden(found) if found else None


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
        f"{run.model}, {run.revision}: {run.tokens:,} for {run.hidden_tokens:,} tokens"
        for run in checkpoints[:_NAMED]
    ]
    rest = len(checkpoints) - len(named)
    more = f"; and {rest:,} more checkpoint{'s' * (rest > 1)}" if rest else ""
    return f"Later runs hide larger ones ({'; '.join(named)}{more}): see embstore query runs."
