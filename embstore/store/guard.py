"""Refuses a store whose views or macros do what a question may not: it may be a stranger's.

Whoever made a file wrote the bodies in it, and every question about the store runs them.
"""

from pathlib import Path

import duckdb

from embstore.common.messages import listed
from embstore.errors import StoreError
from embstore.store.copies import Signature, signature
from embstore.store.statement import TABLE_FUNCTIONS, Sources, sources

# With their catalog, since a macro of the store could be called like the functions.
_VIEWS = """
SELECT 'view', schema_name, view_name, sql
FROM system.main.duckdb_views() WHERE NOT internal
"""
_MACROS = """
SELECT function_type, schema_name, function_name, macro_definition
FROM system.main.duckdb_functions() WHERE NOT internal
"""

# What was checked in this process: bodies, of which most stores have the same, and files.
_bodies: set[tuple[tuple[str, str, str, str], ...]] = set()
_files: dict[Path, Signature] = {}


def check_bodies(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Check what views and macros are made of, as ad-hoc SQL is checked.

    Once per process and state of the file: DuckDB takes 20 ms to list its functions.

    Raises:
        StoreError: one calls a table function that ad-hoc SQL may not, reads a file, or
            cannot be checked; names it.
    """
    if not is_checked(path):
        check_all(connection, str(path))
        remember(path)


def check_all(connection: duckdb.DuckDBPyConnection, place: str) -> None:
    """Check the views and macros that a connection has, unless the very same were checked.

    Raises:
        StoreError: as ``check_bodies``.
    """
    found = [connection.execute(sql).fetchall() for sql in (_VIEWS, _MACROS)]
    bodies = tuple(sorted(found[0] + found[1]))
    if bodies and bodies not in _bodies:
        _check(connection, place, bodies)
        _bodies.add(bodies)


def is_checked(path: Path) -> bool:
    """Tell whether the file is as it was when it was checked, or written by this process."""
    return _files.get(path) == signature(path)


def remember(path: Path) -> None:
    """Take a file as checked: it was, and what this process wrote since adds no view."""
    _files[path] = signature(path)


def _check(
    connection: duckdb.DuckDBPyConnection,
    place: str,
    bodies: tuple[tuple[str, str, str, str], ...],
) -> None:
    queries = [_query(kind, body) for kind, _schema, _name, body in bodies]
    for (kind, schema, name, _body), found in zip(
        bodies, sources(connection, queries), strict=True
    ):
        if trouble := _trouble(found):
            where = name if schema == "main" else f"{schema}.{name}"
            what = "view" if kind == "view" else "macro"
            raise StoreError(
                f"{place} is not asked, for its {what} {where!r} {trouble}, which nothing in a "
                "store may do: drop it with the duckdb program if the store is yours, else do not "
                "trust it"
            )


def _trouble(found: Sources | str) -> str | None:
    """Say what a body does that it may not."""
    if isinstance(found, str):
        return f"cannot be checked ({found})"
    if found.files:
        return f"reads {listed(sorted(found.files))}"
    if refused := found.functions - TABLE_FUNCTIONS:
        return f"calls {listed(sorted(refused))}"
    return None


def _query(kind: str, body: str) -> str:
    """Return the SELECT that is in a view or macro."""
    if kind == "macro":
        return f"SELECT (\n{body}\n)"
    if kind != "view":
        return body
    # CREATE VIEW "name" (columns) AS SELECT …: names are quoted, so the first AS is the word.
    written = body.encode()
    for start, token in duckdb.tokenize(body):
        if token == duckdb.token_type.keyword and written[start : start + 2].upper() == b"AS":
            return written[start + 2 :].decode()
    return body
