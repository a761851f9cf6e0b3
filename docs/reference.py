"""The tables of README.md that are made from the code, so that they stay true."""

from collections.abc import Callable
from pathlib import Path

from embstore.metrics.registry import metric_infos


def metric_table() -> str:
    """List every metric in the catalogue as Markdown."""
    rows = [
        "| metric | what it is | formula | unit | bounds | source |",
        "|---|---|---|---|---|---|",
    ]
    for info in metric_infos(pairs=True):
        formula = info.formula.replace("|", "\\|")
        bounds = f"[{info.lower}, {info.upper}{')' if info.upper == 'inf' else ']'}"
        rows.append(
            f"| `{info.name}` | {info.title} | {formula} | {info.unit} | {bounds} "
            f"| {info.citation} |"
        )
    return "\n".join(rows)


def query_table() -> str:
    """List every built-in question as Markdown."""
    from embstore.query import find_questions

    rows = ["| query | what it answers | parameters |", "|---|---|---|"]
    for name, question in find_questions().items():
        parameters = ", ".join(f"`{p.name}`" for p in question.parameters) or "none"
        rows.append(f"| `{name}` | {question.title} | {parameters} |")
    return "\n".join(rows)


def command_table() -> str:
    """List every command with the first line of its help as Markdown."""
    from embstore.cli import app

    rows = ["| command | what it does |", "|---|---|"]
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
            rows.append(
                f"| `embstore {prefix}{name}` | {callback.__doc__.strip().splitlines()[0]} |"
            )
    return "\n".join(rows)


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


if __name__ == "__main__":
    readme = Path("README.md")
    readme.write_text(fill_in(readme.read_text()))
