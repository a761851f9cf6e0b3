"""Stores scores from elsewhere, and tells which checkpoints they are of."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from embstore._version import __version__
from embstore.inputs.scores.steps import with_step
from embstore.store.score_matches import (
    Matches,
    Thing,
    describe_matches,
    each_once,
    find_matches,
    thing_of,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.database import Database
    from embstore.types import Score

_STORED = "SELECT model, revision, step, name, value, std_error, scored_at, imported_at FROM score"
_NEWEST = (
    "SELECT model, revision, step, name, value, std_error, scored_at, imported_at FROM latest_score"
)
_OF_CHECKPOINTS = """
SELECT
    checkpoint_id, said_model AS model, said_revision AS revision, said_step AS step, name, value,
    std_error, scored_at, imported_at
FROM checkpoint_score
"""

Counting = Mapping[Thing, Mapping[str, Any]]


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
        again: scores that say what another of them says, under another name of the same
            checkpoint; they are kept, and counted nowhere else.
        names_of_one: these names, each as ``NAME and NAME``.
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
    again: int = 0
    names_of_one: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def write_scores(
    database: "Database", scores: Sequence["Score"], *, notes: Iterable[str] = ()
) -> ImportedScores:
    """Store scores, all of them or none, and say which checkpoints they are of.

    Nothing is overwritten: of several values of one thing the newest counts, by when it was
    scored where that is known, else by when it was imported. What is there is left.

    Args:
        database: the store, which is made if it is missing.
        scores: of one import.
        notes: what reading them had to say.

    Raises:
        ScoreError: a revision and a step contradict each other, or two scores say different
            things of one stored checkpoint, whatever they call it.
        StoreError: the store cannot be written.
    """
    named = [with_step(score) for score in scores]
    # Word for word the same twice, once a step is read from a revision's name.
    once = list({_content(vars(score)): score for score in named}.values())
    told = database.transact(lambda connection: _write(connection, once))
    return replace(told, notes=tuple(notes))


def _write(connection: "sa.Connection", scores: Sequence["Score"]) -> ImportedScores:
    from duckdb_sqlalchemy import insert_from_arrow

    from embstore.store import schema
    from embstore.store.columns import arrow_table

    before = _counting(connection)
    stored = {_content(row) for row in _rows(connection, _STORED)}
    last = max((row["imported_at"] for row in before.values()), default=None)
    now = datetime.now(UTC)
    # A clock that goes back must not make an earlier value the newest.
    at = now if last is None else max(now, last + timedelta(microseconds=1))
    unknown = [score for score in scores if not _is_stored(score, before, stored)]
    if unknown:
        rows = [
            {**vars(score), "imported_at": at, "embstore_version": __version__} for score in unknown
        ]
        insert_from_arrow(connection, schema.score, arrow_table(schema.score, rows))
    # Only of what is in the table can be told which checkpoint it is of.
    found = find_matches(connection)
    once, names = each_once(scores, found, known=before)
    told = _told(once, set(map(id, unknown)), found, before, _counting(connection))
    return replace(
        told,
        again=len(scores) - len(once),
        names_of_one=names,
        **describe_matches(connection, once, found),
    )


def _counting(connection: "sa.Connection") -> Counting:
    """Return the scores that count: by their keys, and by checkpoint and name."""
    by_key = {_key(row): row for row in _rows(connection, _NEWEST)}
    by_checkpoint = {
        (row["checkpoint_id"], row["name"]): row for row in _rows(connection, _OF_CHECKPOINTS)
    }
    return {**by_key, **by_checkpoint}


def _is_stored(score: "Score", before: Counting, stored: set[tuple[object, ...]]) -> bool:
    """Tell whether a score says nothing new: the same of the same time, or of no known time."""
    if score.scored_at is not None:
        return (*score.key, score.value, score.std_error, score.scored_at) in stored
    known = before.get(score.key)
    return known is not None and _value(known) == (score.value, score.std_error)


def _told(
    scores: Sequence["Score"],
    unknown: Set[int],
    found: Matches,
    before: Counting,
    after: Counting,
) -> ImportedScores:
    """Count what became of scores; the ids of those that were stored now are ``unknown``."""
    things = {thing_of(score, found): score for score in scores if id(score) in unknown}
    new = [thing for thing in things if thing not in before]
    changed = [
        _change(score, before[thing], after[thing])
        for thing, score in things.items()
        if thing in before and _value(after[thing]) != _value(before[thing])
    ]
    older = sum(
        (score.value, score.std_error) != _value(after[thing_of(score, found)])
        for score in scores
        if id(score) in unknown
    )
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


def _change(score: "Score", before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    other = replace(score, **{name: before[name] for name in ("model", "revision", "step")}).whose
    under = f" as {other}" if other != score.whose else ""
    return f"{score.name} of {score.whose}: {now['value']:g}, was {before['value']:g}{under}"


def _rows(connection: "sa.Connection", sql: str) -> "list[Mapping[str, Any]]":
    return [dict(row) for row in connection.exec_driver_sql(sql).mappings()]


def _key(row: Mapping[str, Any]) -> Thing:
    return row["model"], row["revision"], row["step"], row["name"]


def _value(row: Mapping[str, Any]) -> tuple[float, float | None]:
    return row["value"], row["std_error"]


def _content(row: Mapping[str, Any]) -> tuple[object, ...]:
    return (*_key(row), *_value(row), row["scored_at"])
