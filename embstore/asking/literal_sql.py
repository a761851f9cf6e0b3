"""Writes a question as SQL that runs in any DuckDB shell on the store's file."""

import math
from collections.abc import Mapping
from datetime import date, datetime

from embstore.asking.parameters import ParameterValue, Scalar
from embstore.asking.question import Question
from embstore.store.quoting import quoted, quoted_name


def portable_sql(question: Question, values: Mapping[str, ParameterValue]) -> str:
    """Return a question as a prepared statement, and its execution with these values.

    In the shell it can be executed again with other values, by the question's name.

    Args:
        question: what to ask.
        values: of every parameter that its SQL uses, as ``values_in_sql`` gives them.
    """
    types = {parameter.name: parameter.type for parameter in question.parameters}
    # Quoted, since a parameter may be called like a keyword of SQL: show, format, order.
    given = ", ".join(
        f"{quoted_name(name)} := {literal(value, types[name])}" for name, value in values.items()
    )
    name = quoted_name(question.name)
    sql = question.sql.rstrip().removesuffix(";").rstrip()
    # The semicolon on a line of its own, since the last may end in a comment.
    return f"PREPARE {name} AS\n{sql}\n;\nEXECUTE {name}{given and f'({given})'};\n"


def literal(value: ParameterValue, type_: str) -> str:
    """Write a value as SQL of exactly that type.

    >>> literal("it's", "VARCHAR"), literal([0.5], "DOUBLE[]"), literal(None, "DATE")
    ("'it''s'", 'CAST([0.5e0] AS DOUBLE[])', 'CAST(NULL AS DATE)')
    """
    if isinstance(value, list):
        return f"CAST([{', '.join(_scalar(item) for item in value)}] AS {type_})"
    bare = _scalar(value)
    is_of_type = isinstance(value, bool | str | datetime) or (
        type_ == "INTEGER" and isinstance(value, int)
    )
    return bare if is_of_type else f"CAST({bare} AS {type_})"


def _scalar(value: Scalar) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if not math.isfinite(value):
            return f"CAST('{value}' AS DOUBLE)"
        # Without an exponent it would be a decimal, which holds fewer digits.
        return repr(value) if "e" in repr(value) else f"{value!r}e0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        zoned = "TIMESTAMPTZ" if value.tzinfo else "TIMESTAMP"
        return f"{zoned} '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    return quoted(value)
