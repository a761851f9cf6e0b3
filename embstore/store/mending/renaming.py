"""Gives a model another name."""

import shlex
from typing import TYPE_CHECKING

from embstore.common.messages import closest, listed
from embstore.errors import QueryError, UsageError
from embstore.store import schema
from embstore.store.mending.find_runs import Select, failures, in_transaction

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.database import Database

_SAME_THING = " AND ".join(
    f"theirs.{name} IS NOT DISTINCT FROM ours.{name}" for name in ("revision", "step", "name")
)
_OTHER_SCORES = f"""
SELECT DISTINCT ours.name
FROM latest_score AS ours
JOIN latest_score AS theirs ON {_SAME_THING}
WHERE ours.model = ? AND theirs.model = ? AND ours.value <> theirs.value
ORDER BY ours.name
"""  # noqa: S608 - our own names
_BESIDE_THE_MODEL = ", ".join(
    column.name for column in schema.score.columns if column.name != "model"
)
_COPY_SCORES = f"""
INSERT INTO score (model, {_BESIDE_THE_MODEL})
SELECT ?, {_BESIDE_THE_MODEL}
FROM score AS ours
WHERE model = ? AND NOT EXISTS (
    SELECT 1 FROM score AS theirs
    WHERE theirs.model = ? AND {_SAME_THING} AND theirs.value = ours.value
)
"""  # noqa: S608 - our own names


def rename_model(database: "Database", model: str, new: str) -> int:
    """Call a model by another name, everywhere in the store; return how many runs it has.

    Ids stay as they are: the same checkpoint ingested under the first name is recognised as
    done, and stores in which the model has either name merge without doubling it.

    Raises:
        UsageError: the new name is blank, has space around it, or is longer than one line.
        QueryError: there is no such model, or one is called so already.
        StoreError: the store cannot be written.
    """
    if new != new.strip() or not new or not new.isprintable():
        raise UsageError(f"{new!r} cannot be a model's name: give one line without space around it")
    database.check_whole()
    _check(database.look, model, new)
    return database.transact(lambda connection: _rename(connection, model, new))


def _rename(connection: "sa.Connection", model: str, new: str) -> int:
    _check(in_transaction(connection), model, new)
    _copy_scores(connection, model, new)
    for table, column in (("model", "name"), ("failure", "model")):
        connection.exec_driver_sql(
            f"UPDATE {table} SET {column} = ? WHERE {column} = ?",  # noqa: S608 - our own names
            (new, model),
        )
    counted = connection.exec_driver_sql(
        "SELECT count(*) FROM run AS r JOIN checkpoint AS c USING (checkpoint_id) "
        "JOIN model AS m USING (model_id) WHERE m.name = ?",
        (new,),
    ).scalar()
    return int(counted or 0)


def _copy_scores(connection: "sa.Connection", model: str, new: str) -> None:
    """Give a model's scores the new name, too.

    What an evaluation said stays: a score is never changed, and exports have those of before.

    Raises:
        QueryError: the new name has another score of the same thing.
    """
    rows = connection.exec_driver_sql(_OTHER_SCORES, (model, new)).fetchall()
    if names := [str(name) for (name,) in rows]:
        raise QueryError(
            f"{new!r} has scores of its own ({listed(names)}), which would be mixed with those of "
            f"{model!r}: remove them first, as with `embstore scores rm --model {shlex.quote(new)}`"
        )
    connection.exec_driver_sql(_COPY_SCORES, (new, model, new))


def _check(select: Select, model: str, new: str) -> None:
    """Refuse a name that no model has, measured or failed, or a new one that one has."""
    names = f"SELECT name FROM model UNION SELECT model FROM {failures(select)} ORDER BY 1"  # noqa: S608
    known = [str(row["name"]) for row in select(names)]
    if model not in known:
        raise QueryError(
            f"no model {model!r} in this store{closest(model, known)}; it has {listed(known)}"
        )
    if new in known:
        raise QueryError(f"a model is called {new!r} already: choose another name")
