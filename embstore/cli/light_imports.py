"""Keeps what other packages import by the way from making a command wait."""

import sys
from typing import Any


def skip_grammar_of_addresses() -> None:
    """Let jsonschema, which Altair imports, do without its check of international addresses.

    Where Jupyter is installed, the check comes with it, and builds a grammar of them when it is
    imported: three seconds, in which no chart has an address to check.
    """
    modules: dict[str, Any] = sys.modules
    # jsonschema takes a package that cannot be imported for one that is not installed.
    modules.setdefault("rfc3987_syntax", None)
