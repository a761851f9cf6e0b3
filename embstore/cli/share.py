"""The commands that bring stores together."""

from pathlib import Path
from typing import Annotated

import typer

from embstore.cli.options import StoreOption
from embstore.cli.terminal import TERMINAL

app = typer.Typer()


@app.command(
    epilog="Examples: embstore merge colleague.duckdb  ·  "
    "embstore merge node-*.duckdb --store all.duckdb --dry-run"
)
def merge(
    others: Annotated[
        list[Path], typer.Argument(metavar="OTHER...", help="Stores to take runs from.")
    ],
    store: StoreOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be taken in.")
    ] = False,
) -> None:
    """Take in the runs of other stores that this one lacks: all of them, or none.

    The others are only read. Runs that are there already stay as they are, so
    merging again changes nothing. A store that is missing is made.
    """
    from embstore.store.connection import open_database
    from embstore.store.merging import merge_stores

    database = open_database(store, lazy=True)
    for merged in merge_stores(database, others, dry_run=dry_run):
        done = "would merge" if dry_run else "merged"
        TERMINAL.say(f"{done} {merged.other} into {database.path}: {merged.sentence}")
