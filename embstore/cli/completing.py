"""What a shell offers for a word that is being typed.

It is quick, and silent whatever goes wrong: an error in the middle of a line that is being typed
helps nobody.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from embstore.asking.parameters import Parameter

# Seconds that a store may be waited for which another process holds.
_PATIENCE = 0.2


def list_items(incomplete: str, known: Iterable[str]) -> list[str]:
    """Return how a list with commas can go on: with what is known and not in it yet.

    >>> list_items("core,an", ["core", "anisotropy", "twonn"])
    ['core,anisotropy']
    >>> list_items("twonn,", ["core", "anisotropy", "twonn"])
    ['twonn,core', 'twonn,anisotropy']
    """
    before, comma, last = incomplete.rpartition(",")
    named = {name.strip() for name in before.split(",")}
    return [
        f"{before}{comma}{name}"
        for name in known
        if name not in named and name.startswith(last.strip())
    ]


def complete_metrics(incomplete: str) -> list[str]:
    """Offer every metric's name, in a list."""
    from embstore.metrics.registry import metric_infos

    return list_items(incomplete, [info.name for info in metric_infos(pairs=True)])


def complete_choices(incomplete: str) -> list[str]:
    """Offer what chooses metrics, in a list: presets, families, names."""
    from embstore.metrics.registry import FAMILIES
    from embstore.metrics.selection import ALL, PRESETS

    return list_items(incomplete, [*PRESETS, *(family.name for family in FAMILIES), *ALL])


def complete_scopes(incomplete: str) -> list[str]:
    """Offer every scope, in a list."""
    from embstore.choices import SCOPES

    return list_items(incomplete, SCOPES)


def complete_windows() -> list[str]:
    """Offer what a window may hold."""
    from embstore.choices import WINDOWS_OF

    return list(WINDOWS_OF)


def complete_shuffles() -> list[str]:
    """Offer what may be shuffled in a window."""
    from embstore.choices import SHUFFLES

    return list(SHUFFLES)


def complete_one_scope() -> list[str]:
    """Offer every scope, of which one is taken."""
    from embstore.choices import SCOPES

    return list(SCOPES)


def complete_stored_models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the models of the store, in a list."""
    return _stored(ctx, incomplete, ("model", "name"))


def complete_stored_metrics(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the metrics of the store, in a list."""
    return _stored(ctx, incomplete, ("metric", "name"))


def complete_stored(table: str, column: str) -> Callable[[typer.Context, str], list[str]]:
    """Return what offers the names in a column of the store, of which one is taken."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            known = _known([(table, column)], ctx.params.get("store"))
        except Exception:
            return []
        return [name for name in known if name.startswith(incomplete)]

    return complete


def complete_columns(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the columns of the table that is to be measured, in a list."""
    try:
        from embstore.inputs.vectors.header import column_names

        # The option that is still without a value keeps what stands before it from being an
        # argument.
        files = [str(ctx.params["file"])] if ctx.params.get("file") else list(ctx.args)
        return list_items(incomplete, column_names(Path(files[0])))
    except Exception:
        return []


def complete_parameters(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the parameters of the question that is to be asked, and their values."""
    typed = ctx.params
    # As for columns.
    before = [str(typed["name"])] if typed.get("name") else list(ctx.args)
    offered = parameters_and_values(
        incomplete,
        question="".join(before[:1]),
        store=typed.get("store"),
        queries=typed.get("queries") or (),
    )
    return [word for word in offered if word.startswith(incomplete)]


def parameters_and_values(
    incomplete: str, *, question: str, store: str | None, queries: Iterable[str]
) -> list[str]:
    """Return how a word after ``-p`` can go on: ``NAME=``, or ``NAME=VALUE``."""
    try:
        from embstore.asking.ask import find_question

        declared = find_question(question, queries).parameters
        name, equals, value = incomplete.partition("=")
        if not equals:
            return [f"{parameter.name}=" for parameter in declared]
        (parameter,) = (found for found in declared if found.name == name)
        values = _values(parameter, store)
        of_list = parameter.type.endswith("[]")
        return [f"{name}={known}" for known in (list_items(value, values) if of_list else values)]
    except Exception:
        return []


def _values(parameter: "Parameter", store: str | None) -> list[str]:
    from embstore.asking.parameters import show_value

    if parameter.choices:
        return [show_value(choice) for choice in parameter.choices]
    if parameter.type == "BOOLEAN":
        return ["true", "false"]
    return _known(parameter.columns, store) if parameter.columns else []


def _stored(ctx: typer.Context, incomplete: str, column: tuple[str, str]) -> list[str]:
    try:
        return list_items(incomplete, _known([column], ctx.params.get("store")))
    except Exception:
        return []


def _known(columns: Iterable[tuple[str, str]], store: str | None) -> list[str]:
    from embstore.asking.ask import known_values
    from embstore.store.connection import open_database
    from embstore.store.migration import HEAD

    database = open_database(store, create=False, timeout=_PATIENCE)
    if not database.is_only_read and database.schema() != HEAD:
        # An older store is answered from a copy of it, which is too much for a key.
        return []
    return [known for known in known_values(database, columns) if known.isprintable()]
