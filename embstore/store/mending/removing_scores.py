"""Removes scores from elsewhere, by what names them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.common.messages import closest, listed
from embstore.errors import QueryError, UsageError
from embstore.store.quoting import quoted

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.database import Database

_STORED_NAMES = "SELECT DISTINCT model, name, source FROM score"
_IS_THERE = "SELECT 1 FROM duckdb_tables() WHERE table_name = 'score'"


@dataclass(frozen=True)
class RemovedScores:
    """What was removed, or would be: scores that count, and earlier ones behind them."""

    scores: int
    earlier: int


def remove_scores(
    database: "Database",
    *,
    models: Sequence[str] = (),
    names: Sequence[str] = (),
    sources: Sequence[str] = (),
    dry_run: bool = False,
) -> RemovedScores:
    """Remove the scores that fit all that is given, with earlier values behind them.

    Args:
        database: where they are.
        models: as the scores name them.
        names: of scores.
        sources: files that they are from.
        dry_run: only tell what would be removed.

    Raises:
        UsageError: nothing is named.
        QueryError: what is named is not there.
        StoreError: the store cannot be written.
    """
    wanted = {"model": models, "name": names, "source": sources}
    if not any(wanted.values()):
        raise UsageError("no score is named: give a model, the name of a score or a source")
    database.check_whole()
    known = database.look(_STORED_NAMES) if database.look(_IS_THERE) else []
    _check_known(known, wanted)
    if dry_run:
        return _counted(database.look(_count(wanted)), wanted)

    def remove(connection: "sa.Connection") -> RemovedScores:
        found = _counted(
            [dict(row) for row in connection.exec_driver_sql(_count(wanted)).mappings()], wanted
        )
        connection.exec_driver_sql(f"DELETE FROM score WHERE {_condition(wanted)}")  # noqa: S608
        return found

    return database.transact(remove)


def _check_known(rows: Sequence[Mapping[str, object]], wanted: Mapping[str, Sequence[str]]) -> None:
    for what, names in wanted.items():
        known = sorted({str(row[what]) for row in rows})
        for name in names:
            if name not in known:
                of = "score" if what == "name" else f"score of {what}"
                has = f"there are {listed(known)}" if known else "it has no scores"
                raise QueryError(f"no {of} {name!r} in this store{closest(name, known)}; {has}")


def _condition(wanted: Mapping[str, Sequence[str]]) -> str:
    return " AND ".join(
        f"{column} IN ({', '.join(map(quoted, names))})"
        for column, names in wanted.items()
        if names
    )


def _count(wanted: Mapping[str, Sequence[str]]) -> str:
    of_them = f"score WHERE {_condition(wanted)}"
    return (
        f"SELECT count(*) AS n, (SELECT count(*) FROM (SELECT DISTINCT model, revision, step, name "  # noqa: S608
        f"FROM {of_them})) AS things FROM {of_them}"
    )


def _counted(
    rows: Sequence[Mapping[str, object]], wanted: Mapping[str, Sequence[str]]
) -> RemovedScores:
    (row,) = rows
    n, things = int(str(row["n"])), int(str(row["things"]))
    if not n:
        given = listed(f"{what} {listed(names)}" for what, names in wanted.items() if names)
        raise QueryError(f"no score fits all of {given}")
    return RemovedScores(things, n - things)
