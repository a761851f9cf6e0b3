"""Reads the training that was measured last: its steps, and its layers' numbers at each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from embstore.choices import Scope
from embstore.common.messages import closest, listed, unknown
from embstore.errors import QueryError
from embstore.store.quoting import quoted

if TYPE_CHECKING:
    from embstore.store.database import Database

# What says most about a training where nobody asks for more.
MAIN_METRICS = ("anisotropy", "mean_cosine", "effective_rank", "twonn")

# The steps of the training of which a run was measured last. Values are written into the SQL: to
# bind one, DuckDB's client imports pandas if it is installed, which takes longer than to answer,
# and so does Arrow for moments.
_STEPS = """
WITH steps AS (
    SELECT r.model_id, r.display_name, r.course, r.corpus, r.corpus_id, r.run_id, r.step,
        r.tokens_seen, r.created_at, epoch(r.created_at) AS measured_at, r.settings,
        r.duplicate_of, has.metric_versions, run.scopes, run.wall_seconds, run.forward_seconds,
        run.geometry_seconds
    FROM named_run AS r JOIN run ON run.run_id = r.run_id
    JOIN current_metrics AS has ON has.run_id = r.run_id
    WHERE r.step IS NOT NULL AND NOT r.untrained
        AND ({model} IS NULL OR {model} IN (r.model, r.display_name))
),
latest AS (
    SELECT model_id, course, corpus_id FROM steps ORDER BY created_at DESC, run_id DESC LIMIT 1
)
SELECT * EXCLUDE (created_at) FROM steps SEMI JOIN latest USING (model_id, course, corpus_id)
-- Of two checkpoints at one step, the one measured last.
QUALIFY row_number() OVER (PARTITION BY step ORDER BY created_at DESC, run_id DESC) = 1
ORDER BY step
"""

_LAYERS = """
SELECT stack, layer, site, metric,
    list(step ORDER BY step) AS steps, list(value ORDER BY step) AS numbers
FROM training_profile
WHERE model_id = {model_id} AND course = {course} AND corpus_id = {corpus_id} AND NOT untrained
    AND scope = {scope} AND metric IN ({metrics})
GROUP BY stack, layer, site, metric
-- An encoder comes first; the state after the final norm has the last block's number.
ORDER BY stack DESC, layer, site = 'final_norm', metric
"""


class NoTrainingError(QueryError):
    """A store has no training, or none of the model that is asked for, yet."""


@dataclass(frozen=True)
class Wanted:
    """What is to be shown.

    Attributes:
        model: whose training; None for the one that was measured last.
        metrics: which; none for the main ones.
        scope: which tokens count.
    """

    model: str | None = None
    metrics: Sequence[str] = ()
    scope: Scope = "all"


@dataclass(frozen=True)
class Step:
    """A checkpoint of a training, and what measuring it has cost.

    Attributes:
        number: the training step.
        tokens_seen: training tokens until then, where that is known.
        measured_at: when.
        seconds: from loading the weights to the last number; ``forward`` of these in the model,
            ``geometry`` in measuring.
    """

    number: int
    tokens_seen: int | None
    measured_at: datetime
    seconds: float
    forward: float
    geometry: float


@dataclass(frozen=True)
class LayerCourse:
    """A layer's numbers over the steps of a training.

    Attributes:
        stack: encoder or decoder.
        layer: how many blocks have been applied.
        site: embedding, block or final_norm.
        numbers: of each metric one for each step; None where there is none.
    """

    stack: str
    layer: int
    site: str
    numbers: Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Training:
    """What is stored of a training.

    Attributes:
        model: its name, which no other model has.
        course: what tells it from other trainings of the model; mostly empty.
        corpus: the text it was measured over.
        scope: which tokens count.
        steps: in order.
        last: the step that was measured last, mostly the last.
        metrics: those that are shown.
        layers: in the order in which tokens go through them.
        remarks: what to know before trusting the numbers.
    """

    model: str
    course: str
    corpus: str
    scope: Scope
    steps: tuple[Step, ...]
    last: Step
    metrics: tuple[str, ...]
    layers: tuple[LayerCourse, ...]
    remarks: tuple[str, ...]


def read_training(database: "Database", wanted: Wanted) -> Training:
    """Read the training of which a run was measured last.

    Raises:
        NoTrainingError: there is none.
        QueryError: a metric is neither known nor stored.
        StoreError: the store cannot be read.
    """
    with database.held():
        model = "NULL" if wanted.model is None else quoted(wanted.model)
        rows = database.select(_STEPS.format(model=model)).to_pylist()
        if not rows:
            _check_known(database, wanted.metrics)
            raise NoTrainingError(_why_none(database, wanted.model))
        measured = _measured(rows)
        metrics = tuple(wanted.metrics) or _main(measured)
        _check_known(database, [name for name in wanted.metrics if name not in measured])
        names = {key: quoted(rows[0][key]) for key in ("model_id", "course", "corpus_id")}
        asked = ", ".join(map(quoted, metrics)) or "NULL"
        sql = _LAYERS.format(**names, scope=quoted(wanted.scope), metrics=asked)
        found = database.select(sql).to_pylist()
    steps = tuple(_step(row) for row in rows)
    return Training(
        model=rows[0]["display_name"],
        course=rows[0]["course"],
        corpus=rows[0]["corpus"],
        scope=wanted.scope,
        steps=steps,
        last=max(steps, key=lambda step: step.measured_at),
        metrics=metrics,
        layers=_layers(found, [step.number for step in steps]),
        remarks=tuple(_remarks(rows, metrics, measured, wanted.scope)),
    )


def _why_none(database: "Database", model: str | None) -> str:
    """Say why there is no training."""
    names = database.select(
        "SELECT DISTINCT model, display_name FROM named_run ORDER BY display_name"
    ).to_pylist()
    if not names:
        return f"{database.place} holds no runs yet: measure a checkpoint with `embstore ingest`"
    known = {name for row in names for name in row.values()}
    if model is not None and model not in known:
        return f"no model {model!r} {database.where}{closest(model, known)}; it has {listed(known)}"
    whose = "its models" if model is None else model
    return (
        f"{database.place} holds no checkpoint with a training step of {whose}: name the folder of "
        "checkpoint-N folders to `embstore ingest`"
    )


def _check_known(database: "Database", names: Sequence[str]) -> None:
    if not names:
        return
    rows = database.select("SELECT DISTINCT name FROM metric ORDER BY name").to_pylist()
    check_metrics(names, [row["name"] for row in rows])


def check_metrics(names: Sequence[str], stored: Sequence[str] = ()) -> None:
    """Refuse names that are of no metric: neither of the catalogue nor of a store.

    Raises:
        QueryError: naming the closest.
    """
    from embstore.metrics.selection import ALL, LISTING

    known = dict.fromkeys((*stored, *ALL))
    for name in names:
        if name not in known:
            raise QueryError(unknown("metric", name, known, ls=LISTING))


def _measured(rows: Sequence[Mapping[str, Any]]) -> dict[str, None]:
    """Return the metrics that any step has; most steps have the same."""
    texts = dict.fromkeys(row["metric_versions"] for row in rows)
    return dict.fromkeys(name for text in texts for name in json.loads(text))


def _main(measured: Mapping[str, None]) -> tuple[str, ...]:
    """Return the main metrics, or of a training that has none of them the first few."""
    main = tuple(name for name in MAIN_METRICS if name in measured)
    return main or tuple(measured)[: len(MAIN_METRICS)]


def _step(row: Mapping[str, Any]) -> Step:
    return Step(
        number=row["step"],
        tokens_seen=row["tokens_seen"],
        measured_at=datetime.fromtimestamp(row["measured_at"], UTC),
        seconds=row["wall_seconds"],
        forward=row["forward_seconds"],
        geometry=row["geometry_seconds"],
    )


def _layers(rows: Sequence[Mapping[str, Any]], steps: Sequence[int]) -> tuple[LayerCourse, ...]:
    """Put each layer's numbers in the places of their steps."""
    found: dict[tuple[str, int, str], dict[str, list[float | None]]] = {}
    for row in rows:
        at = dict(zip(row["steps"], row["numbers"], strict=True))
        key = (row["stack"], row["layer"], row["site"])
        found.setdefault(key, {})[row["metric"]] = [at.get(step) for step in steps]
    return tuple(LayerCourse(*key, numbers) for key, numbers in found.items())


def _remarks(
    rows: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    measured: Mapping[str, None],
    scope: str,
) -> list[str]:
    remarks = []
    if lacking := [name for name in metrics if name not in measured]:
        remarks.append(f"not measured at any step: {', '.join(lacking)}")
    # An older embstore measured all of them, and did not say so.
    scopes = [row["scopes"].split(",") for row in rows if row["scopes"]]
    if len(scopes) == len(rows) and not any(scope in names for names in scopes):
        remarks.append(
            f"scope {scope} was not measured: the runs have {', '.join(dict.fromkeys(scopes[-1]))}"
        )
    settings = [row["settings"] for row in rows]
    unequal = [name for name in settings[0] if len({each[name] for each in settings}) > 1]
    if unequal:
        said = ", ".join(unequal)
        remarks.append(f"steps were measured with unequal {said}: their numbers hardly compare")
    if copy := rows[-1]["duplicate_of"]:
        remarks.append(f"the newest step has the same weights as {copy}")
    return remarks
