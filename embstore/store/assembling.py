"""A store put together in memory, for questions about a part of one.

Its tables of facts are copied, which are small, its tables of numbers are views on where they
lie, and its views are those of a new store. So every question holds for the part as it does for
the whole: the latest run of a checkpoint is the latest of those that are in the part.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb

from embstore.common.messages import closest, listed, visible
from embstore.common.utf8_text import is_utf8
from embstore.errors import QueryError, UsageError
from embstore.store import migration, settings
from embstore.store.quoting import quoted
from embstore.store.table_names import FACTS, NUMBERS, ORPHANS

Tags = Sequence[tuple[str, str]]
# Gives the SQL that reads a table of the source; of numbers it may leave out other runs.
Reader = Callable[[str, Sequence[str]], str]

_TAGS = "SELECT DISTINCT key || '=' || value FROM run_tag ORDER BY 1"


class NoTaggedRunError(QueryError):
    """No run of a store has the tags that were asked for, yet."""


def of_tagged_runs(path: Path, tags: Tags) -> duckdb.DuckDBPyConnection:
    """Open what a store has of the runs with some tags; it reaches nothing but the file.

    Raises:
        QueryError: no run has these tags.
    """
    connection = duckdb.connect(":memory:", config=dict(settings.IN_MEMORY))
    try:
        connection.execute(f"ATTACH {quoted(path)} AS store (READ_ONLY)")
        connection.execute("SET enable_external_access = false")
        assemble_tagged(connection, tags, of="store")
        lock(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def assemble_tagged(connection: duckdb.DuckDBPyConnection, tags: Tags, *, of: str) -> None:
    """Put together what one database of a connection, ``of``, has of the runs with some tags.

    Raises:
        QueryError: no run has these tags.
    """

    def read(table: str, _runs: Sequence[str]) -> str:
        chosen = " WHERE run_id IN (SELECT run_id FROM run)" if table in NUMBERS else ""
        return f"SELECT * FROM {of}.main.{table}{chosen}"  # noqa: S608 - our own tables

    assemble(connection, read, tags)


def assemble(connection: duckdb.DuckDBPyConnection, read: Reader, tags: Tags = ()) -> None:
    """Make the tables and views of a store in a connection to memory.

    Args:
        connection: with nothing in it.
        read: gives the SQL that reads a table.
        tags: only of runs that have them: of every key one of the values.

    Raises:
        QueryError: no run has these tags.
    """
    connection.execute(migration.head_script())
    for table in FACTS:
        connection.execute(f"INSERT INTO {table} BY NAME {read(table, ())}")
    if tags:
        _keep_tagged(connection, tags)
    found = connection.execute("SELECT run_id FROM run ORDER BY run_id").fetchall()
    runs = [str(run_id) for (run_id,) in found]
    for table in NUMBERS:
        connection.execute(f"ALTER TABLE {table} RENAME TO empty_{table}")
        connection.execute(f"CREATE VIEW {table} AS {read(table, runs)}")


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Settle the settings of a connection and of its cursors; no SQL can change them then."""
    connection.execute("SET GLOBAL TimeZone = 'UTC'; SET lock_configuration = true")


def _keep_tagged(connection: duckdb.DuckDBPyConnection, tags: Tags) -> None:
    wanted: dict[str, list[str]] = {}
    for key, value in tags:
        wanted.setdefault(key, []).append(value)
    fitting = " INTERSECT ".join(
        f"SELECT run_id FROM run_tag WHERE key = {quoted(key)} "  # noqa: S608 - quoted
        f"AND value IN ({', '.join(map(quoted, values))})"
        for key, values in wanted.items()
    )
    runs = [str(run_id) for (run_id,) in connection.execute(fitting).fetchall()]
    if not runs:
        raise NoTaggedRunError(_none_has(connection, wanted))
    kept = ", ".join(map(quoted, runs))
    connection.execute(f"DELETE FROM run WHERE run_id NOT IN ({kept})")  # noqa: S608 - quoted
    for table, orphaned in ORPHANS.items():
        connection.execute(f"DELETE FROM {table} WHERE {orphaned}")  # noqa: S608 - our own words
    # What failed has no tags.
    connection.execute("DELETE FROM failure")


def _none_has(connection: duckdb.DuckDBPyConnection, wanted: Mapping[str, Sequence[str]]) -> str:
    asked = " and ".join(
        " or ".join(f"{key}={value}" for value in values) for key, values in wanted.items()
    )
    known = [str(pair) for (pair,) in connection.execute(_TAGS).fetchall()]
    has = f"the tags in this store are {listed(known)}" if known else "no run has a tag yet"
    return visible(f"no run has the tag {asked}{closest(asked, known)}; {has}")


def read_tags(tags: Mapping[str, str | Sequence[str]]) -> list[tuple[str, str]]:
    """Return tags as pairs, in order; a key may have several values, of which one must fit.

    Raises:
        UsageError: a key is blank, or a tag no text.
    """
    pairs = []
    for key, values in sorted(tags.items()):
        if not key.strip():
            raise UsageError("a tag's key must not be blank")
        for value in [values] if isinstance(values, str) else values:
            if not is_utf8(f"{key}{value}"):
                raise UsageError(f"tag {f'{key}={value}'!r} is not UTF-8 text")
            pairs.append((key, value))
    return pairs
