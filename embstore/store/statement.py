"""Checks a SQL text before it runs: its parameters, and what untrusted SQL may do."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from embstore.common.messages import listed
from embstore.errors import QueryError, UsageError
from embstore.store.failures import duckdb_message
from embstore.store.quoting import quoted

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
        "pragma_table_info",
        "range",
        "unnest",
    }
)

# No table of a store is called so; DuckDB would look for a file.
_FILE = re.compile(r"[./\\:]")
# What a name may begin with where a part of a store is put together in memory.
_OF_A_PART = {"", "main", "memory", "temp", "system", "information_schema", "pg_catalog"}


def statement_parameters(
    sql: str, connection: duckdb.DuckDBPyConnection | None = None
) -> frozenset[str]:
    """Return the names of the ``$named`` parameters that one statement uses.

    Args:
        sql: the statement.
        connection: any that is open; else one is opened, which takes longer than to read SQL.

    Raises:
        QueryError: the text is not one statement.

    >>> sorted(statement_parameters("SELECT $a + $b + $a"))
    ['a', 'b']
    """
    if connection is None:
        with duckdb.connect(config={"enable_external_access": "false"}) as opened:
            return statement_parameters(sql, opened)
    return frozenset(_single(connection, sql).named_parameters)


def check_parameters(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, object]
) -> None:
    """Refuse parameters that are missing or that the statement does not have.

    Raises:
        UsageError: naming them and those that the statement has.
        QueryError: the text is not one statement.
    """
    names = statement_parameters(sql, connection)
    if any(name.isdigit() for name in names):
        raise UsageError("the SQL has unnamed parameters: write $name instead of ? or $1")
    missing, unknown = sorted(names - params.keys()), sorted(params.keys() - names)
    if missing or unknown:
        problems = [f"no value for {', '.join(missing)}"] if missing else []
        problems += [f"no parameter called {', '.join(unknown)}"] if unknown else []
        declared = ", ".join(sorted(names)) or "none"
        raise UsageError(f"{'; '.join(problems)} (the statement's parameters: {declared})")


def check_untrusted(
    connection: duckdb.DuckDBPyConnection, sql: str, *, of_a_part: bool = False
) -> str:
    """Refuse all but one statement that only reads the store; return it as it is to be run.

    That is SELECT, DESCRIBE, SHOW, SUMMARIZE, and EXPLAIN of one of them; of PRAGMA what
    DuckDB itself writes as a SELECT, such as ``PRAGMA table_info('run')``.

    Args:
        connection: where it is to be run.
        sql: what a person wrote.
        of_a_part: only a part of what the connection can reach is asked, and what has the
            whole is refused: another database or file.

    Raises:
        QueryError: with the reason.
    """
    statement = _single(connection, sql)
    if statement.type == duckdb.StatementType.EXPLAIN:
        explain, explained = _explained(statement.query)
        return explain + check_untrusted(connection, explained, of_a_part=of_a_part)
    if statement.type != duckdb.StatementType.SELECT:
        raise QueryError(f"ad-hoc SQL must be a SELECT, found {statement.type.name}")
    # A PRAGMA has become a SELECT in it.
    (found,) = sources(connection, [statement.query])
    if isinstance(found, str):
        raise QueryError(
            f"embstore cannot check this SQL, so it is refused: write a plain SELECT ({found})"
        )
    refused = sorted(found.functions - TABLE_FUNCTIONS)
    if refused:
        raise QueryError(
            f"table function {', '.join(refused)} is not allowed in ad-hoc SQL; allowed are "
            f"{', '.join(sorted(TABLE_FUNCTIONS))}"
        )
    if of_a_part and (whole := sorted(found.files | found.elsewhere)):
        raise QueryError(
            f"{listed(whole)} is not part of what is asked: name tables and views as they are, "
            "without a database or file"
        )
    return statement.query


@dataclass(frozen=True)
class Sources:
    """What a SELECT reads besides tables.

    Attributes:
        functions: the table functions that it calls, in lower case.
        files: what it names like a table and is, by its name, a file.
        elsewhere: names with a database or schema that a part of a store does not have.
    """

    functions: frozenset[str]
    files: frozenset[str]
    elsewhere: frozenset[str]


def readable_plan(answer: pa.Table) -> pa.Table:
    """Give each line of a plan that is drawn as text a row; return other answers as they are."""
    if answer.column_names != ["explain_key", "explain_value"]:
        return answer
    drawn = "\n".join(map(str, answer["explain_value"].to_pylist()))
    return pa.table({"plan": drawn.splitlines()}) if drawn.lstrip().startswith("┌") else answer


def sources(connection: duckdb.DuckDBPyConnection, queries: Sequence[str]) -> list[Sources | str]:
    """Return for each SELECT what it reads besides tables, or why that cannot be known.

    Raises:
        QueryError: one is no text that DuckDB takes.
    """
    # Quoted, not bound: DuckDB's client imports pandas, if it is there, to bind a value. With
    # its catalog, since a macro of the store may be called like the function.
    each = ", ".join(map(quoted, queries))
    try:
        rows = connection.execute(
            "SELECT system.main.json_serialize_sql(query)::VARCHAR "  # noqa: S608 - quoted
            f"FROM (SELECT unnest([{each}]) AS query)"
        ).fetchall()
    except duckdb.Error as error:
        raise QueryError(duckdb_message(error)) from error
    return [_sources(serialised) for (serialised,) in rows]


def _sources(serialised: str) -> Sources | str:
    try:
        tree = json.loads(serialised)
    except RecursionError:
        return "it is nested too deeply to be checked: simplify it"
    if tree.get("error", True):
        return str(tree.get("error_message", "not serialisable"))
    functions, files, elsewhere = set(), set(), set()
    for node in _nodes(tree):
        if node.get("type") == "TABLE_FUNCTION":
            functions.add(str(node["function"]["function_name"]).lower())
        if node.get("type") == "BASE_TABLE" and _FILE.search(str(node["table_name"])):
            files.add(str(node["table_name"]))
        *places, name = _qualified(node)
        if not {place.lower() for place in places} <= _OF_A_PART:
            elsewhere.add(".".join(filter(None, (*places, name))))
    return Sources(frozenset(functions), frozenset(files), frozenset(elsewhere))


def _qualified(node: dict[str, Any]) -> list[str]:
    """Return the database, the schema and the name of what is read or called; empty if unsaid."""
    keys = (("catalog_name", "catalog"), ("schema_name", "schema"), ("table_name", "function_name"))
    return [str(next(filter(None, (node.get(key) for key in each)), "")) for each in keys]


def _explained(query: str) -> tuple[str, str]:
    """Split EXPLAIN, with the format it asks for, from the statement that it explains."""
    # Comments are no tokens. DuckDB counts bytes.
    start = duckdb.tokenize(query)[1][0]
    rest = query.encode()[start:].decode()
    if re.match(r"analy[sz]e\b", rest, re.IGNORECASE):
        raise QueryError("ad-hoc SQL must be a SELECT, found EXPLAIN ANALYZE, which runs it")
    option = re.match(r"\(\s*format\s+\w+\s*\)", rest, re.IGNORECASE)
    if option is None:
        return "EXPLAIN ", rest
    return f"EXPLAIN {option[0]} ", rest[option.end() :]


def _single(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise QueryError(
            f"the SQL is not UTF-8 text, from character {error.start + 1} on"
        ) from None
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


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            yield node
            pending.extend(node.values())
