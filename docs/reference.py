"""The pages and tables of the documentation that are made from the code, so that they stay true.

README.md has its tables filled in; docs/metrics.md, docs/schema.md, the module of names that
asking needs and the script migrations/head.sql are written whole. What the code does not say of a
page or a column stands in the TOML file of the same name.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from inspect import cleandoc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embstore.metrics.families import dimension
from embstore.metrics.gride import GRIDE_RANKS
from embstore.metrics.registry import FAMILIES, METRICS, PAIR_METRICS, metric_infos

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

    from embstore.metrics.metric import Metric
    from embstore.types import MetricInfo

DOCS = Path(__file__).parent
NAMES = DOCS.parent / "embstore" / "metrics" / "names.py"
HEAD = DOCS.parent / "migrations" / "head.sql"
_MADE = "<!-- Made by make docs from the code and docs/{}.toml: change those. -->\n"


def row(*cells: object) -> str:
    """Return one line of a Markdown table."""
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    columns = list(header)
    return "\n".join([row(*columns), "|" + "---|" * len(columns), *(row(*r) for r in rows)])


def bounds(info: "MetricInfo") -> str:
    """Write a metric's bounds as an interval."""
    return f"[{info.lower}, {info.upper}{')' if info.upper == 'inf' else ']'}"


def metric_table() -> str:
    """List every metric in the catalogue as Markdown."""
    return table(
        ("metric", "what it is", "formula", "unit", "bounds", "source"),
        (
            (f"`{i.name}`", i.title, i.formula, i.unit, bounds(i), i.citation)
            for i in metric_infos(pairs=True)
        ),
    )


def query_table() -> str:
    """List every built-in question as Markdown."""
    from embstore.asking.ask import find_questions

    return table(
        ("question", "what it answers", "parameters"),
        (
            (f"`{name}`", q.title, ", ".join(f"`{p.name}`" for p in q.parameters) or "none")
            for name, q in find_questions().items()
        ),
    )


def command_table() -> str:
    """List every command with the first line of its help as Markdown."""
    from embstore.cli.main import app

    rows = []
    named = [
        (f"{added.name} " if isinstance(added.name, str) else "", added.typer_instance)
        for added in app.registered_groups
        if added.typer_instance is not None
    ]
    for prefix, group in (("", app), *named):
        for command in group.registered_commands:
            callback = command.callback
            if callback is None or callback.__doc__ is None:
                continue
            name = command.name or callback.__name__
            rows.append((f"`embstore {prefix}{name}`", callback.__doc__.strip().splitlines()[0]))
    return table(("command", "what it does"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "commands": command_table,
    "queries": query_table,
    "metrics": metric_table,
}


def fill_in(text: str) -> str:
    """Put fresh tables between the ``<!-- name -->`` and ``<!-- end -->`` marks of a page.

    Raises:
        ValueError: a table has no place in the page.
    """
    for name, make in TABLES.items():
        start, end = f"<!-- {name}: made by make docs -->\n", "<!-- end -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"no place marked for the table of {name}")
        text = f"{before}{start}{make()}\n{end}{after}"
    return text


def metric_page() -> str:
    """Describe every metric, family by family: what it is, and its traps."""
    words = _words("metrics")
    metrics: list[Metric[Any]] = [*METRICS.values(), *PAIR_METRICS.values()]
    parts = [_MADE.format("metrics"), words["head"].format(pairs=len(PAIR_METRICS))]
    parts += [
        table(
            ("metric", "title", "symbol", "unit"),
            (
                (f"[`{a.name}`](#{a.name})", a.title, a.symbol, a.unit)
                for a in (metric.description for metric in metrics)
            ),
        )
    ]
    for family in FAMILIES:
        parts += [f"\n## {family.title}\n", f"{cleandoc(family.text)}\n"]
        parts += [_metric(metric) for metric in metrics if metric.family == family]
    ranks = ", ".join(map(str, GRIDE_RANKS))
    return "\n".join([*parts, words["tail"].format(ranks=ranks)])


def _metric(metric: "Metric[Any]") -> str:
    about, info = metric.description, metric.info
    return (
        f"### {about.name}\n\n**{about.title}**, {about.symbol}\n\n> {about.formula}\n\n"
        + table(
            ("unit", "bounds", "unchanged by", "version", "standard error and interval", "source"),
            [
                (
                    about.unit,
                    bounds(info),
                    _unchanged_by(metric),
                    about.version,
                    metric.uncertainty,
                    about.citation,
                )
            ],
        )
        + f"\n\n{cleandoc(about.notes)}\n"
    )


def _unchanged_by(metric: "Metric[Any]") -> str:
    about = metric.description
    return ", ".join([*about.unchanged_by, *([] if about.degree else ["scale"])])


def names_module() -> str:
    """Return the module of the metrics' names that asking needs."""
    metrics = [*METRICS.values(), *PAIR_METRICS.values()]
    estimates = [metric.name for metric in metrics if metric.family == dimension.FAMILY]
    biased = [metric.name for metric in metrics if metric.needs_many]
    return "\n".join(
        [
            '"""Names of metrics that asking needs to know, without what computes them.',
            "",
            "Made by make docs from the metrics' files: change those.",
            '"""',
            "",
            "# Estimates of dimension from the distances to neighbours.",
            *_set_of("NEIGHBOR_ESTIMATES", estimates),
            "",
            "# Biased unless the vectors are many times the dimensions.",
            *_set_of("NEED_MANY", biased),
            "",
        ]
    )


def _set_of(name: str, words: Iterable[str]) -> list[str]:
    return [
        f"{name} = frozenset(",
        "    {",
        *(f'        "{word}",' for word in words),
        "    }",
        ")",
    ]


def schema_page() -> str:
    """Describe every table and view of a store, column by column, and every macro.

    Raises:
        ValueError: the schema and docs/schema.toml do not name the same columns.
    """
    from embstore.store.migration import migrations
    from embstore.store.schema import metadata

    words = _words("schema")
    shared = words["columns"]
    tables = {found.name: found for found in metadata.sorted_tables}
    views = _views()
    _agree("table", tables, words["tables"])
    _agree("view", views, words["views"])
    parts = [_MADE.format("schema"), words["head"], _diagram(tables.values())]
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
                    (f"`{c.name}`", str(c.type), _mark(c), said[c.name])
                    for c in tables[name].columns
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


def head_sql() -> str:
    """Return what all migrations execute on a store in memory, as one script.

    Reading an export, or a part of a store, takes the tables and views from it: running the
    migrations would take longer than most questions.
    """
    import sqlalchemy

    from embstore.store import migration

    engine = sqlalchemy.create_engine("duckdb:///:memory:")
    done: list[str] = []

    def note(*arguments: object) -> None:
        statement = str(arguments[2]).strip()
        if not statement.startswith(("SELECT", "PRAGMA")):
            done.append("\n".join(line.rstrip() for line in statement.splitlines()))

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    with engine.begin() as connection:
        migration.upgrade(connection)
    statements = "".join(f"{statement};\n\n" for statement in done)
    return (
        f"-- Made by make docs from the migrations: change those.\n\n{statements}".rstrip() + "\n"
    )


def _mark(column: "Column[Any]") -> str:
    if column.primary_key:
        return "key"
    return "may be NULL" if column.nullable else ""


def _views() -> dict[str, list[tuple[str, str]]]:
    """Return the columns of each view of a new store, with their types."""
    rows = _in_a_new_store(
        "SELECT view_name, column_name, c.data_type FROM duckdb_views() AS v "
        "JOIN duckdb_columns() AS c ON c.table_name = v.view_name "
        "AND c.schema_name = v.schema_name AND c.database_name = v.database_name "
        "WHERE NOT v.internal ORDER BY view_name, column_index"
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for line in rows:
        found.setdefault(line["view_name"], []).append((line["column_name"], line["data_type"]))
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


def _words(page: str) -> Mapping[str, Any]:
    return tomllib.loads((DOCS / f"{page}.toml").read_text())


def _agree(what: str, code: Iterable[str], words: Iterable[str]) -> None:
    here, there = set(code), set(words)
    if here != there:
        raise ValueError(
            f"{what}: without words: {sorted(here - there)}; words for nothing: "
            f"{sorted(there - here)}"
        )


if __name__ == "__main__":
    readme = DOCS.parent / "README.md"
    readme.write_text(fill_in(readme.read_text()))
    (DOCS / "metrics.md").write_text(metric_page())
    (DOCS / "schema.md").write_text(schema_page())
    NAMES.write_text(names_module())
    HEAD.write_text(head_sql())
