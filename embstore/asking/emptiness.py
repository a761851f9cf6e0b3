"""Says why an answer has no rows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from embstore.asking.parameters import ParameterValue, show_value
from embstore.asking.question import Question

if TYPE_CHECKING:
    from embstore.store.database import Database


def why_empty(
    database: "Database",
    question: Question,
    values: Mapping[str, ParameterValue],
    given: Mapping[str, object],
    unseen: str | None = None,
) -> str:
    """Say what a store lacks for a question that it has no rows for.

    Args:
        database: the store.
        question: what was asked.
        values: of all its parameters.
        given: those that were chosen, as they were written.
        unseen: which earlier run has what was asked for, if one has it.

    Raises:
        StoreError: the store cannot be read.
    """
    if not database.select("SELECT run_id FROM run LIMIT 1").num_rows:
        fill = "export" if database.is_only_read else "ingest"
        return f"{database.place} holds no runs yet; fill it with embstore {fill}"
    if given:
        asked = ", ".join(f"{name}={_written(given[name], values[name])}" for name in given)
        needs = f"no {question.needs}" if question.needs else ""
        lacking = unseen or needs
        return f"nothing in {database.place} fits {asked}{f': {lacking}' if lacking else ''}"
    if unseen:
        return f"{database.place} has no numbers that this question asks for: {unseen}"
    return f"{database.place} has no {question.needs or 'numbers that this question asks for'}"


def _written(given: object, value: ParameterValue) -> str:
    """Show a value as it was typed, where it was."""
    return given if isinstance(given, str) else show_value(value)
