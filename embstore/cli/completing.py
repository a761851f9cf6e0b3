"""What a shell offers after ``-p``: a question's parameters, and values that the store has.

It is quick, and silent whatever goes wrong: an error in the middle of a line that is being typed
helps nobody.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embstore.asking.parameters import Parameter

# Seconds that a store may be waited for which another process holds.
_PATIENCE = 0.2


def parameters_and_values(
    incomplete: str, *, question: str, store: str | None, queries: Iterable[str]
) -> list[str]:
    """Return how a word after ``-p`` can go on: ``NAME=``, or ``NAME=VALUE``."""
    try:
        from embstore.asking.ask import find_question

        declared = find_question(question, queries).parameters
        name, equals, value = incomplete.partition("=")
        if not equals:
            return [f"{parameter.name}=" for parameter in declared]
        (parameter,) = (found for found in declared if found.name == name)
        # Of a list, the element that is being typed.
        before, comma, _last = value.rpartition(",")
        start = f"{name}={before}{comma}" if parameter.type.endswith("[]") else f"{name}="
        return [f"{start}{known}" for known in _values(parameter, store)]
    except Exception:
        return []


def _values(parameter: "Parameter", store: str | None) -> list[str]:
    from embstore.asking.ask import known_values
    from embstore.asking.parameters import show_value

    if parameter.choices:
        return [show_value(choice) for choice in parameter.choices]
    if parameter.type == "BOOLEAN":
        return ["true", "false"]
    if not parameter.columns:
        return []
    from embstore.store.connection import open_database
    from embstore.store.migration import HEAD

    database = open_database(store, create=False, timeout=_PATIENCE)
    if database.path.is_file() and database.schema() != HEAD:
        # An older store is answered from a copy of it, which is too much for a key.
        return []
    return [known for known in known_values(database, parameter.columns) if known.isprintable()]
