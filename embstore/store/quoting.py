"""Writes text into SQL: where it cannot be bound, or binding it would import pandas."""

from collections.abc import Iterable


def quoted(text: object) -> str:
    """Write a text as an SQL string.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + str(text).replace("'", "''") + "'"


def quoted_name(name: str) -> str:
    """Write the name of a column, or of anything else that has one.

    >>> quoted_name('a "b" c')
    '"a ""b"" c"'
    """
    return '"' + name.replace('"', '""') + '"'


def quoted_ids(ids: Iterable[str | None]) -> str:
    """Write ids as one string, for ``unnest(string_split(…, ','))``; None is left out.

    Of thousands, a list takes longer to parse than the answer to find.

    >>> quoted_ids(["b", None, "a"])
    "'a,b'"
    """
    return quoted(",".join(sorted(found for found in ids if found is not None)))
