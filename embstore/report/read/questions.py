"""Asks embstore's own questions."""

from typing import TYPE_CHECKING, Any

from embstore.asking.ask import run_question
from embstore.asking.question import read_question
from embstore.common.paths import resource_folder

if TYPE_CHECKING:
    from embstore.store.database import Database


def ask(database: "Database", name: str, **parameters: object) -> list[dict[str, Any]]:
    """Ask a built-in question, and return its rows.

    A question of the same name in a folder of the user's does not take its place: it may
    have other columns.

    Raises:
        QueryError: the store does not have what a parameter names.
    """
    question = read_question(resource_folder("queries") / f"{name}.sql", built_in=True)
    rows: list[dict[str, Any]] = run_question(database, question, parameters).to_pylist()
    return rows
