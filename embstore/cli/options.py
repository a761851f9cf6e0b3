"""The options that commands share, and what a shell completes for them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from embstore.cli.completing import complete_parameters
from embstore.common.utf8_text import utf8
from embstore.errors import UsageError

# Panels of the help that several commands have.
STORE, OUTPUT = "Store", "Output"

# Seconds between two looks at a store.
_SHORTEST, _USUAL, _LONGEST = 0.1, 2.0, 86_400.0

LISTS = ("models", "checkpoints", "runs", "metrics", "queries")


def _lists() -> list[str]:
    return list(LISTS)


def _question_names() -> list[str]:
    from embstore.asking.ask import readable_questions

    return list(readable_questions()[0])


def _formats() -> list[str]:
    from embstore.cli.output import FORMATS

    return list(FORMATS)


def complete_themes() -> list[str]:
    """Offer every look of a chart."""
    return ["light", "dark"]


StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        "-s",
        metavar="FILE",
        envvar="EMBSTORE_STORE",
        help="A DuckDB file, or the address of a team's lake; to ask it, also the folder or "
        "https:// address of an export. embstore.duckdb if not given.",
        show_default=False,
        rich_help_panel=STORE,
    ),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="KEY=VALUE",
        help="Only runs with this tag; may be repeated. Of one key any of the values will do.",
        rich_help_panel=STORE,
    ),
]
FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="auto, table, upright, csv, tsv, json, jsonl, md or parquet; auto is a table on a "
        "terminal and csv in a pipe.",
        autocompletion=_formats,
        rich_help_panel=OUTPUT,
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write here; the suffix is the format.",
        rich_help_panel=OUTPUT,
    ),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="NAME=VALUE",
        help="A parameter; may be repeated. A list is a,b, a line each, or the option twice.",
        autocompletion=complete_parameters,
    ),
]
ReasonsOption = Annotated[
    bool,
    typer.Option(
        "--reasons",
        help="Say beside each missing value why it is missing.",
        rich_help_panel=OUTPUT,
    ),
]
QueriesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--queries",
        metavar="DIR",
        help="A folder of your own .sql files; they go before built-in ones of the same name. "
        "Also EMBSTORE_QUERIES.",
        rich_help_panel=STORE,
    ),
]
EveryOption = Annotated[
    float | None,
    typer.Option(
        "--every",
        metavar="SECONDS",
        help="How often to look for a newer run; 2 if not given.",
        show_default=False,
    ),
]
QuestionArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A name that embstore ls queries lists.",
        autocompletion=_question_names,
    ),
]
ListArgument = Annotated[
    str,
    typer.Argument(
        metavar="WHAT", help=f"{', '.join(LISTS[:-1])} or {LISTS[-1]}.", autocompletion=_lists
    ),
]


def split_names(
    option: str, given: list[str] | None, *, otherwise: str = "all"
) -> list[str] | None:
    """Return the names in an option that takes ``a,b`` and may be repeated.

    Args:
        option: how it is written, for the error.
        given: what was written after it, each time; None where it was left out.
        otherwise: what is taken where it is left out, for the error.

    Raises:
        UsageError: the option is there, but names nothing: an unset variable of a script
            should not widen what was asked for.
    """
    if not given:
        return None
    names = [name.strip() for text in given for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError(
            f"{option} is empty; name at least one, or leave {option} out for {otherwise}"
        )
    return names


def pause(every: float | None) -> float:
    """Return how many seconds are between two looks at a store.

    Raises:
        UsageError: it is less than a tenth of a second, or longer than a day.
    """
    seconds = _USUAL if every is None else every
    if not _SHORTEST <= seconds <= _LONGEST:
        raise UsageError(
            f"--every is {seconds:g} seconds: give between {_SHORTEST:g} and {_LONGEST:g} seconds"
        )
    return seconds


def tag_filter(given: list[str] | None) -> dict[str, list[str]]:
    """Return the values that each tag may have, in an option that chooses runs by them.

    Raises:
        UsageError: one has no key or no ``=``.
    """
    wanted: dict[str, list[str]] = {}
    for tag in given or ():
        for key, value in parse_tags([tag]).items():
            wanted.setdefault(key, []).append(value)
    return wanted


def parse_tags(given: list[str] | None) -> dict[str, str]:
    """Return the tags in an option that takes ``KEY=VALUE`` and may be repeated.

    Raises:
        UsageError: one has no key or no ``=``, or a key comes twice.
    """
    parsed: dict[str, str] = {}
    for tag in given or ():
        key, equals, value = (part.strip() for part in tag.partition("="))
        if not key or not equals:
            lacks = "value" if key else "key"
            raise UsageError(f"tag {tag!r} has no {lacks}; write it as KEY=VALUE")
        if key in parsed:
            raise UsageError(f"tag {key!r} is given twice; a run has one value of it")
        parsed[key] = value
    return parsed


def assignments(pairs: Iterable[str]) -> dict[str, str | list[str]]:
    """Read ``name=value`` options; a name given twice makes a list."""
    values: dict[str, str | list[str]] = {}
    for pair in pairs:
        try:
            name, equals, value = utf8(pair).partition("=")
        except UnicodeError:
            raise UsageError(f"parameter {pair!r} is not UTF-8 text") from None
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"parameter {pair!r} has no value; write it as NAME=VALUE")
        before = values.get(name)
        if before is None:
            values[name] = value
        else:
            values[name] = [*(before if isinstance(before, list) else [before]), value]
    return values
