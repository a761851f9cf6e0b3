"""The command that brings an older store up to date: migrate."""

from typing import Annotated

import typer

from embstore.cli.options import FormatOption, OutputOption, StoreOption
from embstore.cli.terminal import TERMINAL
from embstore.errors import EmbstoreError, UsageError

app = typer.Typer()


@app.command(
    rich_help_panel="Keep and share",
    epilog="Examples:\n\nembstore migrate --check\n\nembstore migrate --store lab.duckdb\n\n"
    "embstore migrate --list -f json",
)
def migrate(
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing; exit code 1 says that it is needed."),
    ] = False,
    list_: Annotated[
        bool,
        typer.Option("--list", help="Change nothing; list all migrations, applied or pending."),
    ] = False,
    store: StoreOption = None,
    format_: FormatOption = "auto",
    output: OutputOption = None,
) -> None:
    """Bring a store that an older embstore wrote up to date, after a backup copy.

    Questions need no migration, and an ingest migrates by itself: this is for doing it at a
    time of your choice.
    """
    if check and list_:
        raise UsageError("--check and --list ask for different things: give one of them")
    if not list_ and (format_ != "auto" or output is not None):
        raise UsageError("--format and --output are for the table of --list")
    from embstore.store.connection import open_database
    from embstore.store.migration import HEAD

    database = open_database(store, create=False)
    database.check_whole()
    found = database.schema()
    if list_:
        _list(found, format_, output)
    elif check and found != HEAD:
        TERMINAL.say(
            f"{database.place} has schema {found}, older than this embstore's {HEAD}: "
            "`embstore migrate` brings it up to date"
        )
        raise typer.Exit(EmbstoreError.exit_code)
    elif check or not database.migrate():
        TERMINAL.say(f"{database.place} has schema {HEAD}, which is current: nothing to do")


def _list(found: str, format_: str, output: OutputOption) -> None:
    import pyarrow as pa

    from embstore.cli.output import choose_format, show_answer
    from embstore.store.migration import migrations

    rows = [
        {
            "schema": known.revision,
            "status": "applied" if known.revision <= found else "pending",
            "title": known.title,
        }
        for known in migrations()
    ]
    show_answer(pa.Table.from_pylist(rows), choose_format(format_, output), output)
