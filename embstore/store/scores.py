"""Stores scores from elsewhere, and tells which checkpoints they are of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from embstore._version import __version__
from embstore.common.messages import closest
from embstore.inputs.scores.steps import with_step

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.database import Database
    from embstore.types import Score

_STORED = "SELECT model, revision, step, name, value, std_error, scored_at, imported_at FROM score"
_NEWEST = (
    "SELECT model, revision, step, name, value, std_error, scored_at, imported_at FROM latest_score"
)
_MATCHED = """
SELECT found.model, found.revision, found.step, c.model AS stored, c.revision AS stored_revision
FROM scored_checkpoint AS found JOIN named_checkpoint AS c USING (checkpoint_id)
"""
_MODELS = "SELECT DISTINCT name FROM model ORDER BY name"

# Looking for what a name may have been takes time, and nobody reads more.
_MOST_HINTS = 20

Key = tuple[str, str | None, int | None, str]
# Model, revision and step, as scores name them.
Whose = tuple[str, str | None, int | None]


@dataclass(frozen=True)
class ImportedScores:
    """What became of scores that were imported.

    Attributes:
        new: scores of what had none.
        changed: of those that take the place of another value, each as ``NAME of MODEL: 0.1, was
            0.2``.
        known: scores that were there already.
        older: scores that are kept beside a newer one of the same thing, which counts.
        matched: how many of the scores given are of checkpoints of this store.
        taken_for: where a name was understood and not found word for word, ``SAID for STORED``.
        unmatched: what the others are of, with a hint at what may have been meant.
        n_unmatched: how many scores these are.
        notes: what reading them had to say.
    """

    new: int
    changed: tuple[str, ...]
    known: int
    older: int
    matched: int
    taken_for: tuple[str, ...]
    unmatched: tuple[str, ...]
    n_unmatched: int
    notes: tuple[str, ...] = ()


def write_scores(
    database: "Database", scores: Sequence["Score"], *, notes: Iterable[str] = ()
) -> ImportedScores:
    """Store scores, all of them or none, and say which checkpoints they are of.

    Nothing is overwritten: of several values of one thing the newest counts, by when it was
    scored where that is known, else by when it was imported. What is there is left.

    Args:
        database: the store, which is made if it is missing.
        scores: each once.
        notes: what reading them had to say.

    Raises:
        ScoreError: a revision and a step contradict each other.
        StoreError: the store cannot be written.
    """
    named = [with_step(score) for score in scores]
    told = database.transact(lambda connection: _write(connection, named))
    return replace(told, notes=tuple(notes))


def _write(connection: "sa.Connection", scores: Sequence["Score"]) -> ImportedScores:
    from duckdb_sqlalchemy import insert_from_arrow

    from embstore.store import schema
    from embstore.store.columns import arrow_table

    before = {_key(row): row for row in _rows(connection, _NEWEST)}
    stored = {_content(row) for row in _rows(connection, _STORED)}
    last = max((row["imported_at"] for row in before.values()), default=None)
    now = datetime.now(UTC)
    # A clock that goes back must not make an earlier value the newest.
    at = now if last is None else max(now, last + timedelta(microseconds=1))
    rows = [
        {**vars(score), "imported_at": at, "embstore_version": __version__}
        for score in scores
        if not _is_stored(score, before, stored)
    ]
    if rows:
        insert_from_arrow(connection, schema.score, arrow_table(schema.score, rows))
    after = {_key(row): row for row in _rows(connection, _NEWEST)}
    told = _told(scores, rows, before, after)
    return replace(told, **_matches(connection, scores))


def _is_stored(
    score: "Score", before: Mapping[Key, Mapping[str, Any]], stored: set[tuple[object, ...]]
) -> bool:
    """Tell whether a score says nothing new: the same of the same time, or of no known time."""
    if score.scored_at is not None:
        return (*score.key, score.value, score.std_error, score.scored_at) in stored
    known = before.get(score.key)
    return known is not None and _value(known) == (score.value, score.std_error)


def _told(
    scores: Sequence["Score"],
    rows: Sequence[Mapping[str, Any]],
    before: Mapping[Key, Mapping[str, Any]],
    after: Mapping[Key, Mapping[str, Any]],
) -> ImportedScores:
    whose = {score.key: score.whose for score in scores}
    keys = dict.fromkeys(_key(row) for row in rows)
    new = [key for key in keys if key not in before]
    changed = [
        f"{key[3]} of {whose[key]}: {after[key]['value']:g}, was {before[key]['value']:g}"
        for key in keys
        if key in before and _value(after[key]) != _value(before[key])
    ]
    said = [(_key(row), row["value"], row["std_error"]) for row in rows]
    older = sum((value, error) != _value(after[key]) for key, value, error in said)
    return ImportedScores(
        new=len(new),
        changed=tuple(changed),
        known=len(scores) - len(new) - len(changed) - older,
        older=older,
        matched=0,
        taken_for=(),
        unmatched=(),
        n_unmatched=0,
    )


def _matches(connection: "sa.Connection", scores: Sequence["Score"]) -> dict[str, Any]:
    """Say which checkpoints scores are of, and of which no stored one is."""
    found = {
        (row["model"], row["revision"], row["step"]): row for row in _rows(connection, _MATCHED)
    }
    models = [str(row["name"]) for row in _rows(connection, _MODELS)]
    counts: dict[Whose, int] = {}
    names: dict[Whose, str] = {}
    for score in scores:
        whose = (score.model, score.revision, score.step)
        counts[whose] = counts.get(whose, 0) + 1
        names[whose] = score.whose
    taken: dict[str, None] = {}
    unmatched: list[str] = []
    without_model: dict[str, str] = {}
    for whose, name in names.items():
        match = found.get(whose)
        if match is not None:
            if whose[1] not in {None, match["stored_revision"]}:
                taken[f"{name} for {match['stored']}@{match['stored_revision']}"] = None
            elif match["stored"] != whose[0]:
                taken[f"{whose[0]} for {match['stored']}"] = None
        elif whose[0] in models:
            unmatched.append(f"{name} (no checkpoint of this model fits, or several do)")
        else:
            known = models if len(without_model) < _MOST_HINTS else []
            without_model.setdefault(whose[0], f"{whose[0]}{closest(whose[0], known)}")
    return {
        "matched": sum(n for whose, n in counts.items() if whose in found),
        "taken_for": tuple(taken),
        "unmatched": (*unmatched, *without_model.values()),
        "n_unmatched": sum(n for whose, n in counts.items() if whose not in found),
    }


def _rows(connection: "sa.Connection", sql: str) -> "list[Mapping[str, Any]]":
    return [dict(row) for row in connection.exec_driver_sql(sql).mappings()]


def _key(row: Mapping[str, Any]) -> Key:
    return row["model"], row["revision"], row["step"], row["name"]


def _value(row: Mapping[str, Any]) -> tuple[float, float | None]:
    return row["value"], row["std_error"]


def _content(row: Mapping[str, Any]) -> tuple[object, ...]:
    return (*_key(row), *_value(row), row["scored_at"])
