"""The command that writes a store's report."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from embstore.cli.completing import complete_stored_metrics, complete_stored_models
from embstore.cli.options import (
    EveryOption,
    StoreOption,
    TagOption,
    pause,
    split_names,
    tag_filter,
)
from embstore.cli.terminal import TERMINAL
from embstore.errors import UsageError

if TYPE_CHECKING:
    from embstore.report.write import ReportOptions
    from embstore.store.database import Database

app = typer.Typer()

_SUFFIXES = (".html", ".htm")


@app.command(
    rich_help_panel="Ask",
    epilog="Examples:\n\nembstore report -o report.html\n\n"
    "embstore report --models gpt2,opt-125m --title 'Two decoders' -o two.html\n\n"
    "embstore report --follow -o training.html",
)
def report(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="Ends in .html; - for stdout."),
    ] = Path("report.html"),
    store: StoreOption = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            metavar="A,B",
            help="Only these models; may be repeated.",
            autocompletion=complete_stored_models,
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metrics",
            metavar="A,B",
            help="Only these metrics; a large store's page then has every checkpoint of them.",
            autocompletion=complete_stored_metrics,
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="The page's heading.")
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="Write the page again whenever there is a newer run, until Ctrl-C."
        ),
    ] = False,
    every: EveryOption = None,
    tag: TagOption = None,
) -> None:
    """Write the whole store as one web page: findings, charts, tables, provenance.

    The page is one file that works from disk and asks the network for nothing.
    """
    if output != Path("-") and output.suffix.lower() not in _SUFFIXES:
        found = f"suffix {output.suffix!r}" if output.suffix else "no suffix"
        raise UsageError(
            f"output file {str(output)!r} has {found}; expected {' or '.join(_SUFFIXES)}, "
            "or - for standard output"
        )
    if follow and output == Path("-"):
        raise UsageError("--follow writes a file again and again; name one with -o")
    if every is not None and not follow:
        raise UsageError("--every is how often --follow looks for a newer run; give both")
    seconds = pause(every)
    from embstore.report.write import ReportOptions
    from embstore.store.assembling import read_tags
    from embstore.store.connection import open_database

    split_names("--models", models)
    options = ReportOptions(metrics=split_names("--metrics", metrics), title=title, followed=follow)
    opened = partial(open_database, store, create=False, tags=read_tags(tag_filter(tag)))

    def write(database: "Database") -> None:
        _write(database, output, replace(options, models=_models(database, models)))

    if not follow:
        write(opened())
        return
    from embstore.cli.follow import follow as keep

    # The one way to end it: nothing was cut short, and the page is whole.
    with suppress(KeyboardInterrupt):
        keep(opened, write, seconds)


def _write(database: "Database", output: Path, options: "ReportOptions") -> None:
    """Write the page of what the store holds now, and say so."""
    from embstore.report.write import build_report

    page = build_report(database, options)
    # A file's name may hold bytes that are no text.
    content = page.html.encode(errors="replace")
    if output == Path("-"):
        from embstore.cli.output import write_out

        write_out(content)
        return
    from embstore.common.files import write_atomically

    write_atomically(output, content)
    if page.shortened:
        TERMINAL.say(
            f"note: to stay small, the page has {len(page.shortened)} metrics only for the last "
            "checkpoint of each model; --metrics names those you want for every checkpoint"
        )
    size = f"{len(content) / 1e6:.1f} MB"
    TERMINAL.say(f"wrote {output} ({page.runs} runs, {len(page.findings)} findings, {size})")


def _models(database: "Database", given: list[str] | None) -> list[str] | None:
    """Return the models that are named; one may have a comma in its name."""
    if not given:
        return None
    from embstore.asking.ask import known_values

    known = known_values(database, [("model", "name")])
    return [
        name
        for text in given
        for name in ([text] if text in known else split_names("--models", [text]) or ())
    ]
