"""Says which numbers of earlier runs questions do not see.

Questions look at the newest run of a checkpoint over a text. An earlier run, over other tokens of
that text or measured again with less, may have metrics, scopes or errors that the newest lacks.
They are not put in the place of what it lacks: what is read off together is of one sample.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.asking.background import MEASURED, runs_of
from embstore.asking.parameters import ParameterValue
from embstore.asking.question import Question
from embstore.common.messages import counted, listed

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.store.database import Database

_LOST = """
WITH pairs AS (
    SELECT
        newest.*, run.tokens, older.run_id AS older_run_id, older.tokens AS older_tokens,
        older.created_at AS older_created_at,
        json_keys(has.metric_versions) AS metrics,
        json_keys(had.metric_versions) AS older_metrics,
        string_split(run.scopes, ',') AS scopes,
        string_split(older.scopes, ',') AS older_scopes,
        coalesce(older.intervals, true) AND NOT coalesce(run.intervals, true) AS errors
    FROM latest_run AS newest
    JOIN run ON run.run_id = newest.run_id
    JOIN run AS older ON older.checkpoint_id = run.checkpoint_id
        AND older.corpus_id = run.corpus_id AND older.run_id <> run.run_id
        -- A control lies beside a run, and is not hidden by it.
        AND coalesce(older.shuffle, 'none') = 'none'
    JOIN current_metrics AS has ON has.run_id = run.run_id
    JOIN current_metrics AS had ON had.run_id = older.run_id
),
lost AS (
    SELECT
        run_id, model, revision, step, corpus, tokens, older_run_id, older_tokens, older_created_at,
        list_filter(older_metrics, lambda name: NOT list_contains(metrics, name)) AS metrics,
        -- Of runs that do not say which scopes they have, nothing is known.
        coalesce(
            list_filter(older_scopes, lambda name: NOT list_contains(scopes, name)), []::VARCHAR[]
        ) AS scopes,
        errors
    FROM pairs
)
SELECT * EXCLUDE older_created_at
FROM lost
WHERE len(metrics) > 0 OR len(scopes) > 0 OR errors
ORDER BY
    model, step NULLS LAST, revision, corpus, run_id, older_created_at DESC, older_run_id DESC
"""
# Whether any run has an earlier one: mostly none has, and every answer asks.
_HIDDEN = (
    "SELECT checkpoint_id FROM run GROUP BY checkpoint_id, corpus_id HAVING count(*) > 1 LIMIT 1"
)
_NEWER = """
SELECT older.run_id, latest_run.run_id AS newest_run_id, run.tokens
FROM run AS older
JOIN run ON run.checkpoint_id = older.checkpoint_id AND run.corpus_id = older.corpus_id
JOIN latest_run ON latest_run.run_id = run.run_id
WHERE older.run_id <> run.run_id AND coalesce(older.shuffle, 'none') = 'none'
    AND list_contains($runs::VARCHAR[], older.run_id)
ORDER BY older.created_at, older.run_id
"""
# Parameters that choose what is measured, and of whom.
_CHOICES = {"model": "models", "revision": "revisions", "corpus": "corpora"}
_N_NAMED = 4


@dataclass(frozen=True)
class Lost:
    """What an earlier run has and the newest of the same checkpoint and text has not.

    Attributes:
        run_id: of the newest, which questions look at.
        model: whose runs they are.
        revision: of that model.
        step: of training.
        corpus: the text that both runs read.
        tokens: of the newest.
        older_run_id: of the earlier one.
        older_tokens: of that one.
        metrics: that only the earlier one has.
        scopes: that only the earlier one has.
        errors: whether only the earlier one has errors.
    """

    run_id: str
    model: str
    revision: str
    step: int | None
    corpus: str
    tokens: int
    older_run_id: str
    older_tokens: int
    metrics: list[str]
    scopes: list[str]
    errors: bool

    @property
    def things(self) -> list[str]:
        """What is lost, in words."""
        return [
            *(f"scope {name}" for name in self.scopes),
            *(["errors"] if self.errors else []),
            *self.metrics,
        ]


def find_lost(database: "Database") -> list[Lost]:
    """Return what newest runs lack of earlier ones, by model and step, the last measured first.

    Raises:
        StoreError: the store cannot be read.
    """
    if not database.select(_HIDDEN).num_rows:
        return []
    return [Lost(**row) for row in database.select(_LOST).to_pylist()]


def most_lost(database: "Database") -> dict[str, Lost]:
    """Return of each newest run that lacks something the earlier run that has most of it.

    Raises:
        StoreError: the store cannot be read.
    """
    most: dict[str, Lost] = {}
    for lost in find_lost(database):
        known = most.get(lost.run_id)
        if known is None or len(lost.things) > len(known.things):
            most[lost.run_id] = lost
    return most


def out_of_sight(
    database: "Database",
    question: Question,
    values: Mapping[str, ParameterValue],
    table: "pa.Table",
) -> str | None:
    """Say which earlier run has what was asked for and the newest lacks; None where none does.

    Args:
        database: the store.
        question: what was asked.
        values: of all its parameters.
        table: the answer.

    Raises:
        StoreError: the store cannot be read.
    """
    measured = MEASURED.intersection(table.column_names)
    if values.get("runs") or not measured or (table.num_rows and not question.built_in):
        return None
    metrics, scopes = _asked(values, "metric"), _asked(values, "scope")
    if metrics is None and table.num_rows and "metric" not in table.column_names:
        metrics = table.column_names
    if scopes is None and table.num_rows:
        scopes = []
    shown = set(runs_of(table))
    found: dict[str, tuple[Lost, list[str], list[str]]] = {}
    for lost in find_lost(database):
        # A group of seeds may be named in the place of its models.
        is_asked = lost.run_id in shown or _is_chosen(question, values, lost)
        if lost.older_run_id in shown or not is_asked:
            continue
        lacking = [name for name in lost.metrics if metrics is None or name in metrics]
        without = [name for name in lost.scopes if scopes is None or name in scopes]
        if lacking or without:
            # The last measured of several that have it.
            found.setdefault(lost.run_id, (lost, lacking, without))
    return _told(list(found.values())) if found else None


def hiding(database: "Database", runs: Mapping[str, str]) -> list[str]:
    """Say of runs that were just asked for what questions do not see any more, or not of them.

    Args:
        database: the store that has them.
        runs: what each is called, by its id.

    Raises:
        StoreError: the store cannot be read.
    """
    hidden = [lost for run_id, lost in most_lost(database).items() if run_id in runs]
    lines = []
    if hidden:
        first, more = hidden[0], len(hidden) - 1
        lines.append(
            f"questions look at the newest run, and {runs[first.run_id]} "
            f"({first.run_id[:8]}, {first.tokens:,} tokens) lacks "
            f"{listed(first.things, most=_N_NAMED)} of an earlier one ({first.older_run_id[:8]}, "
            f"{first.older_tokens:,} tokens){_likewise(more)}; measure that over the newest run's "
            f"tokens too, or ask the earlier one as {_command(first, [])}"
        )
    newer = database.select(_NEWER, {"runs": list(runs)}).to_pylist()
    if newer:
        run = newer[0]
        lines.append(
            f"questions look at a later run ({run['newest_run_id'][:8]}, {run['tokens']:,} tokens) "
            f"than that of {runs[run['run_id']]} ({run['run_id'][:8]}), over the same text"
            f"{_likewise(len(newer) - 1)}; ask this one as embstore query layer_profile -p "
            f"runs={run['run_id'][:8]}, or measure it again with --force (in Python force=True)"
        )
    return lines


def _asked(values: Mapping[str, ParameterValue], name: str) -> list[str] | None:
    """Return what a question was asked for, if it can be chosen; None for all."""
    value = values.get(name, values.get(f"{name}s"))
    if value is None:
        return None
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _is_chosen(question: Question, values: Mapping[str, ParameterValue], lost: Lost) -> bool:
    """Tell whether a question is about a checkpoint, as far as its parameters say so."""
    if "training step" in question.needs and lost.step is None:
        return False
    for fact, name in _CHOICES.items():
        wanted = values.get(name)
        if isinstance(wanted, list) and getattr(lost, fact) not in wanted:
            return False
    return True


def _told(found: Sequence[tuple[Lost, list[str], list[str]]]) -> str:
    first, metrics, scopes = found[0]
    what = [*metrics, *(f"scope {name}" for name in scopes)]
    verb = "is" if len(what) == 1 else "are"
    return (
        f"{listed(what, most=_N_NAMED)} {verb} not in the newest run of {first.model}, "
        f"{first.revision} ({first.run_id[:8]}, {first.tokens:,} tokens), but in an earlier one "
        f"({first.older_run_id[:8]}, {first.older_tokens:,} tokens){_likewise(len(found) - 1)}: "
        f"ask that as {_command(first, metrics, scopes)}, or measure it over the newest "
        "run's tokens too"
    )


def _likewise(more: int) -> str:
    return f", and so for {counted(more, 'more checkpoint')}" if more else ""


def _command(lost: Lost, metrics: Collection[str], scopes: Collection[str] = ()) -> str:
    """Write a command that shows numbers of an earlier run."""
    name = next(iter(metrics or lost.metrics), None)
    options = [f"-p metric={name}"] if name else []
    if scopes or (lost.scopes and not name):
        options.append(f"-p scopes={','.join(scopes or lost.scopes)}")
    return " ".join(["embstore query layer_profile", *options, f"-p runs={lost.older_run_id[:8]}"])
