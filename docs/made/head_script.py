"""migrations/head.sql: what a store has once every migration is done."""

import re
from graphlib import TopologicalSorter

import sqlalchemy
from sqlalchemy.schema import CreateTable

from embstore.store import migration, schema

_MADE = re.compile(r"(?P<verb>CREATE|CREATE OR REPLACE|DROP) (VIEW|MACRO|TABLE) (?P<name>\w+)")


def head_sql() -> str:
    """Return the tables, views and macros of a new store as one script.

    New stores are made with it, and reading an export, or a part of a store, begins with it:
    running the migrations, each of which makes some views anew, takes six times as long.
    """
    engine = sqlalchemy.create_engine("duckdb:///:memory:")
    made: dict[str, str] = {}

    def note(*arguments: object) -> None:
        statement = str(arguments[2]).strip()
        if found := _MADE.match(statement):
            # What was made before under the name was dropped.
            made.pop(found["name"], None)
            if found["verb"] != "DROP":
                made[found["name"]] = statement

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    with engine.begin() as connection:
        migration.upgrade(connection)
    version = made.pop("alembic_version")
    # Tables as they are now, not as they were first made and then altered.
    later = {name: made[name] for name in made.keys() - schema.metadata.tables.keys()}
    uses = {
        name: [
            other
            for other in sorted(later.keys() - {name})
            if re.search(rf"(FROM|JOIN) {other}\b|\b{other}\(", statement)
        ]
        for name, statement in sorted(later.items())
    }
    statements = [
        version,
        f"INSERT INTO alembic_version VALUES ('{migration.HEAD}')",  # noqa: S608 - our own name
        *(str(CreateTable(found).compile(engine)) for found in schema.metadata.sorted_tables),
        *(later[name] for name in TopologicalSorter(uses).static_order()),
    ]
    lines = "\n\n".join(f"{statement.strip()};" for statement in statements).splitlines()
    text = "\n".join(line.rstrip() for line in lines)
    return f"-- Made by make docs from the migrations: change those.\n\n{text}\n"
