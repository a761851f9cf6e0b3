"""README.md's tables of commands, questions and metrics."""

from collections.abc import Callable

from pages import bounds, table

from embstore.metrics.registry import metric_infos


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
