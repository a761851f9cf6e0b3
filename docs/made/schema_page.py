"""docs/schema.md."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pages import MADE, table, words_of

if TYPE_CHECKING:
    from sqlalchemy import Column, Table


def schema_page() -> str:
    """Describe every table and view of a store, column by column, and every macro.

    Raises:
        ValueError: the schema and docs/schema.toml do not name the same columns.
    """
    from embstore.store.migration import migrations
    from embstore.store.schema import metadata

    words = words_of("schema")
    shared = words["columns"]
    tables = {found.name: found for found in metadata.sorted_tables}
    columns_of = _columns()
    views = {name: found for name, found in columns_of.items() if name not in tables}
    _agree("table", tables, words["tables"])
    _agree("view", views, words["views"])
    parts = [MADE.format("schema"), words["head"], _diagram(tables.values())]
    meanings = dict(shared)
    for name in words["tables"]:
        own = words["tables"][name]["columns"]
        columns = [column.name for column in tables[name].columns]
        _agree(f"{name}.", columns, [*own, *(c for c in shared if c in columns and c not in own)])
        said = {**shared, **own}
        meanings = {**own, **meanings}
        parts += [f"## {name}\n", words["tables"][name]["text"] + "\n"]
        parts += [
            table(
                ("column", "type", "", "meaning"),
                (
                    (f"`{c.name}`", type_, _mark(c), said[c.name])
                    for c, (_, type_) in zip(tables[name].columns, columns_of[name], strict=True)
                ),
            ),
            "",
        ]
    for name, view in words["views"].items():
        parts += [f"## {name} (view)\n", view["text"] + "\n"]
        if name != "profile" and views[name] == views["profile"]:
            parts += ["Its columns are those of `profile`.\n"]
            continue
        own = words["tables"][view["like"]]["columns"] if "like" in view else {}
        said = {**meanings, **own, **words["view_columns"], **view.get("columns", {})}
        parts += [
            table(
                ("column", "type", "meaning"),
                ((f"`{column}`", type_, said[column]) for column, type_ in views[name]),
            ),
            "",
        ]
    macros = _macros()
    _agree("macro", macros, words["macros"])
    parts += [
        "## Macros\n",
        table(
            ("macro", "what it gives"),
            (
                (f"`{name}({', '.join(macros[name])})`", meaning)
                for name, meaning in words["macros"].items()
            ),
        ),
        "",
        "## Schemas\n",
        words["schemas"]["text"] + "\n",
        table(
            ("schema", "what came with it"), ((f"`{m.revision}`", m.title) for m in migrations())
        ),
        "",
    ]
    return "\n".join(parts)


def _mark(column: "Column[Any]") -> str:
    if column.primary_key:
        return "key"
    return "may be NULL" if column.nullable else ""


def _columns() -> dict[str, list[tuple[str, str]]]:
    """Return the columns of each table and view of a new store, with their types."""
    rows = _in_a_new_store(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE NOT internal AND table_name <> 'alembic_version' ORDER BY table_name, column_index"
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for line in rows:
        found.setdefault(line["table_name"], []).append((line["column_name"], line["data_type"]))
    return found


def _macros() -> dict[str, list[str]]:
    """Return the parameters of each macro of a new store."""
    rows = _in_a_new_store(
        "SELECT function_name, parameters FROM duckdb_functions() WHERE NOT internal"
    )
    return {line["function_name"]: line["parameters"] for line in rows}


def _in_a_new_store(sql: str) -> list[dict[str, Any]]:
    from embstore.store.connection import open_database

    with TemporaryDirectory() as folder:
        database = open_database(Path(folder) / "embstore.duckdb")
        rows: list[dict[str, Any]] = database.select(sql).to_pylist()
    return rows


def _diagram(tables: Iterable["Table"]) -> str:
    """Draw which table refers to which, as Mermaid."""
    lines = sorted(
        f"    {key.referred_table.name} ||--o{{ {found.name} : {next(iter(key.column_keys))}"
        for found in tables
        for key in found.foreign_key_constraints
    )
    return "\n".join(["```mermaid", "erDiagram", *lines, "```", ""])


def _agree(what: str, code: Iterable[str], words: Iterable[str]) -> None:
    here, there = set(code), set(words)
    if here != there:
        raise ValueError(
            f"{what}: without words: {sorted(here - there)}; words for nothing: "
            f"{sorted(there - here)}"
        )
