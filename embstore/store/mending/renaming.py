"""Gives a model another name."""

from typing import TYPE_CHECKING

from embstore.common.messages import closest, listed
from embstore.errors import QueryError, UsageError
from embstore.store.mending.find_runs import Select, failures, in_transaction

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.database import Database


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
    for table, column in (("model", "name"), ("failure", "model"), ("score", "model")):
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
