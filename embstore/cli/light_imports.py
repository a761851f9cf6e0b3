"""Keeps what other packages import by the way from making a command wait."""

import sys
from collections.abc import Sequence
from typing import Any

# Commands that only ask, and hand no value of pandas to anything.
_ASKING = {"chart", "compare", "info", "ls", "query", "report", "sql", "verify", "watch"}


def skip_grammar_of_addresses() -> None:
    """Let jsonschema, which Altair imports, do without its check of international addresses.

    Where Jupyter is installed, the check comes with it, and builds a grammar of them when it is
    imported: three seconds, in which no chart has an address to check.
    """
    modules: dict[str, Any] = sys.modules
    # jsonschema takes a package that cannot be imported for one that is not installed.
    modules.setdefault("rfc3987_syntax", None)


def skip_pandas(words: Sequence[str]) -> None:
    """Let DuckDB and Arrow do without pandas in a command that asks.

    Both look whether a value is one of its, and where it is installed they import it for that: a
    quarter of the time of many a question.

    Args:
        words: of the command line, without the program's name.
    """
    # No option of the whole command line has a value.
    command = next((word for word in words if not word.startswith("-")), "")
    if command in _ASKING and "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas())


class _NoPandas:
    """Says of pandas alone that it is not installed.

    None in its place, as above, is a module to what Cython compiled.
    """

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Refuse it; None lets others look for the rest."""
        if name == "pandas":
            raise ModuleNotFoundError("commands that ask do without pandas", name=name)
