"""Gives a model another name."""

from typing import TYPE_CHECKING

from embstore.common.messages import closest, listed
from embstore.errors import QueryError, UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.connection import Database


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
    with database.begin() as connection:
        known = _names(connection)
        if model not in known:
            raise QueryError(
                f"no model {model!r} in this store{closest(model, known)}; it has {listed(known)}"
            )
        if new in known:
            raise QueryError(f"a model is called {new!r} already: choose another name")
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


def _names(connection: "sa.Connection") -> list[str]:
    """Return every name a model has, measured or failed."""
    found = connection.exec_driver_sql(
        "SELECT name FROM model UNION SELECT model FROM failure ORDER BY 1"
    )
    return [str(name) for (name,) in found]
