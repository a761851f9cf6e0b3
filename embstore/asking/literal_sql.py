"""Writes a question as SQL that runs in any DuckDB shell on the store's file."""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime

from embstore.asking.parameters import Scalar, Value
from embstore.asking.question import Question
from embstore.errors import QueryError

# What a $name is not one in: comments, texts, quoted names, and $tag$ texts $tag$.
_TOKEN = re.compile(
    r"""
    (?P<other>
        --[^\n]*
      | '(?:[^']|'')*'
      | "(?:[^"]|"")*"
      | \$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?P=tag)\$
      | \$\$.*?\$\$
    )
    | (?P<escapes>(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<open>/\*)
    | (?<![\w$])\$(?P<name>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def portable_sql(question: Question, values: Mapping[str, Value]) -> str:
    """Return a question's SQL with its parameters' values written into it.

    Args:
        question: what to ask.
        values: of every declared parameter, as ``query.bind`` gives them.

    Raises:
        QueryError: the SQL uses a parameter without a value.
    """
    types = {parameter.name: parameter.type for parameter in question.parameters}

    def written(name: str) -> str:
        if name not in types:
            raise QueryError(
                f"{question.path}: the SQL uses ${name}, which no '-- param {name} TYPE: …' "
                "declares"
            )
        return literal(values[name], types[name])

    sql, text, position = question.sql, [], 0
    while match := _TOKEN.search(sql, position):
        text.append(sql[position : match.start()])
        position = match.end()
        if match["name"] is not None:
            text.append(written(match["name"]))
        elif match["open"] is not None:
            position = _end_of_comment(sql, match.start())
            text.append(sql[match.start() : position])
        else:
            text.append(match[0])
    text.append(sql[position:])
    # On a line of its own, since the last may end in a comment.
    return f"{''.join(text).rstrip().removesuffix(';').rstrip()}\n;\n"


def literal(value: Value, type_: str) -> str:
    """Write a value as SQL of exactly that type.

    >>> literal("it's", "VARCHAR"), literal([0.5], "DOUBLE[]"), literal(None, "DATE")
    ("'it''s'", 'CAST([0.5e0] AS DOUBLE[])', 'CAST(NULL AS DATE)')
    """
    if isinstance(value, list):
        return f"CAST([{', '.join(_scalar(item) for item in value)}] AS {type_})"
    bare = _scalar(value)
    # These are what they look like; -1 would make a comment of a minus before it.
    looks = isinstance(value, bool | str | datetime) or (
        type_ == "INTEGER" and isinstance(value, int) and value >= 0
    )
    if looks:
        return bare
    return f"CAST({bare} AS {type_})"


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
    return "'" + value.replace("'", "''") + "'"


def _end_of_comment(sql: str, start: int) -> int:
    """Return where a comment ends; in DuckDB they nest."""
    depth, position = 0, start
    while edge := _COMMENT_EDGE.search(sql, position):
        position = edge.end()
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return position
    return len(sql)
