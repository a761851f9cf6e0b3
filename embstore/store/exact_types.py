"""Types of DuckDB that Arrow has no place for: their columns arrive as DuckDB's own text.

Without it DuckDB 1.5 hands over, without a word, -1 for a large UHUGEINT, a TIMETZ without its
zone, the bytes of a BIGNUM or a BIT, and an INTERVAL whose hours have overflowed; a VARIANT
is an error.
"""

from collections.abc import Sequence

import duckdb
from duckdb.sqltypes import DuckDBPyType

from embstore.store.quoting import quoted_name

_NEAREST = {
    "uhugeint": "VARCHAR",
    "bignum": "VARCHAR",
    "bit": "VARCHAR",
    "time with time zone": "VARCHAR",
    "union": "VARCHAR",
    "variant": "VARCHAR",
    "geometry": "VARCHAR",
    "interval": "VARCHAR",
    # Parquet counts no seconds, and pyarrow makes no milliseconds of an infinite number of them.
    "timestamp_s": "TIMESTAMP_MS",
}
# More hours than this are more nanoseconds than Arrow counts.
_MOST_HOURS = 2_562_047


def exact_sql(query: str, types: Sequence[DuckDBPyType]) -> str | None:
    """Return a SELECT that gives the same rows in types that Arrow has; None if they are.

    Args:
        query: one SELECT.
        types: of its columns.
    """
    names = [f"c{place}" for place in range(len(types))]
    columns = [_column(name, type_) for name, type_ in zip(names, types, strict=True)]
    if columns == names:
        return None
    shown = ", ".join(columns)
    # A line of its own, since the query may end in a comment.
    answer = f"answer({', '.join(names)})"
    return f"SELECT {shown} FROM (\n{_bare(query)}\n) AS {answer}"  # noqa: S608 - was checked


def _column(name: str, type_: DuckDBPyType) -> str:
    if type_.id == "interval":
        return (
            f"CASE WHEN abs(datepart('hour', {name})) <= {_MOST_HOURS} OR {name} IS NULL "
            f"THEN {name} ELSE error('an INTERVAL of more than {_MOST_HOURS:,} hours cannot be "
            "shown: cast it, as in column::VARCHAR') END"
        )
    exact = _exact(type_)
    return name if exact is None else f"CAST({name} AS {exact})"


def _exact(type_: DuckDBPyType) -> str | None:
    """Return the type nearest to one that Arrow does not have; None for one that it has."""
    if type_.id in _NEAREST:
        return _NEAREST[type_.id]
    if type_.id in {"list", "array", "struct", "map"}:
        children = type_.children
        if type_.id == "array":
            size, children = children[1][1], children[:1]
            end = f"[{size}]"
        else:
            end = "[]"
        found = [
            (name, child, _exact(child))
            for name, child in children
            if isinstance(child, DuckDBPyType)
        ]
        if all(exact is None for _name, _child, exact in found):
            return None
        inner = [exact or str(child) for _name, child, exact in found]
        if type_.id == "map":
            return f"MAP({', '.join(inner)})"
        if type_.id != "struct":
            return f"{inner[0]}{end}"
        names = [name for name, _child, _exact in found]
        if not all(names):
            return "VARCHAR"
        written = map(quoted_name, names)
        return f"STRUCT({', '.join(map(' '.join, zip(written, inner, strict=True)))})"
    return None


def _bare(query: str) -> str:
    """Return a statement without the semicolon at its end."""
    written = query.encode()
    for start, kind in duckdb.tokenize(query):
        if kind == duckdb.token_type.operator and written[start : start + 1] == b";":
            return written[:start].decode()
    return query
