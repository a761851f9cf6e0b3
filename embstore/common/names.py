"""Names of columns that are told apart."""

from collections.abc import Iterable


def distinct(names: Iterable[str]) -> list[str]:
    """Number the names that repeat, as DuckDB does.

    >>> distinct(["x", "y", "x"])
    ['x', 'y', 'x_1']
    """
    found: dict[str, None] = {}
    for name in names:
        unused, count = name, 0
        while unused in found:
            count += 1
            unused = f"{name}_{count}"
        found[unused] = None
    return list(found)
