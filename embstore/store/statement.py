"""Checks a SQL text before it runs: its parameters, and what untrusted SQL may do."""

import functools
import json
from collections.abc import Iterator, Mapping

import duckdb

from embstore.errors import QueryError, UsageError
from embstore.store.failures import duckdb_message

# All others are refused: a locked DuckDB 1.5 still runs table functions such as
# enable_logging(storage='file', …), which writes files and aborts the process. The store's own
# macros need no entry: they are scalar.
TABLE_FUNCTIONS = frozenset(
    {
        "duckdb_columns",
        "duckdb_tables",
        "duckdb_views",
        "generate_series",
        "json_each",
        "json_tree",
        "range",
        "unnest",
    }
)


@functools.lru_cache(maxsize=64)
def statement_parameters(sql: str) -> frozenset[str]:
    """Return the names of the ``$named`` parameters that one statement uses.

    >>> sorted(statement_parameters("SELECT $a + $b + $a"))
    ['a', 'b']
    """
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        return frozenset(_single(connection, sql).named_parameters)


def check_parameters(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, object]
) -> None:
    """Refuse parameters that are missing or that the statement does not have.

    Raises:
        UsageError: naming them and those that the statement has.
        QueryError: the text is not one statement.
    """
    names = set(_single(connection, sql).named_parameters)
    if any(name.isdigit() for name in names):
        raise UsageError("the SQL has unnamed parameters: write $name instead of ? or $1")
    missing, unknown = sorted(names - params.keys()), sorted(params.keys() - names)
    if missing or unknown:
        problems = [f"no value for {', '.join(missing)}"] if missing else []
        problems += [f"no parameter called {', '.join(unknown)}"] if unknown else []
        declared = ", ".join(sorted(names)) or "none"
        raise UsageError(f"{'; '.join(problems)} (the statement's parameters: {declared})")


def check_untrusted(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse all but one plain SELECT (or DESCRIBE, SHOW, SUMMARIZE) on the store.

    DuckDB treats these four as one statement type and can serialise them, which shows
    every table function in them; it cannot serialise EXPLAIN and PRAGMA.

    Raises:
        QueryError: with the reason.
    """
    statement = _single(connection, sql)
    if statement.type != duckdb.StatementType.SELECT:
        raise QueryError(f"ad-hoc SQL must be a SELECT, found {statement.type.name}")
    # Quoted, not bound: DuckDB's client imports pandas, if it is there, to bind a value.
    quoted = sql.replace("'", "''")
    try:
        row = connection.execute(f"SELECT json_serialize_sql('{quoted}')").fetchone()
        tree = json.loads(row[0]) if row else {}
    except duckdb.Error as error:
        raise QueryError(duckdb_message(error)) from error
    except RecursionError:
        raise QueryError("the SQL is nested too deeply to be checked: simplify it") from None
    if tree.get("error", True):
        raise QueryError(
            "embstore cannot check this SQL, so it is refused: write a SELECT without PRAGMA "
            f"({tree.get('error_message', 'not serialisable')})"
        )
    refused = sorted(set(_table_functions(tree)) - TABLE_FUNCTIONS)
    if refused:
        raise QueryError(
            f"table function {', '.join(refused)} is not allowed in ad-hoc SQL; allowed are "
            f"{', '.join(sorted(TABLE_FUNCTIONS))}"
        )


def _single(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(duckdb_message(error)) from error
    if len(statements) == 1:
        return statements[0]
    # DuckDB splits a PIVOT without IN into one statement that finds the values
    # and another that uses them.
    pivot = " (a PIVOT needs its values spelled out: ON column IN (…))"
    hint = pivot if "pivot" in sql.lower() else ""
    raise QueryError(f"expected one SQL statement, found {len(statements)}{hint}")


def _table_functions(tree: object) -> Iterator[str]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            if node.get("type") == "TABLE_FUNCTION":
                yield str(node["function"]["function_name"]).lower()
            pending.extend(node.values())
