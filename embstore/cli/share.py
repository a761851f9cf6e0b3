"""The commands that bring stores together: merge, export, import."""

from pathlib import Path
from typing import Annotated

import typer

from embstore.cli.options import StoreOption
from embstore.cli.terminal import TERMINAL

app = typer.Typer()


@app.command(
    rich_help_panel="Keep and share",
    epilog="Examples:\n\nembstore merge colleague.duckdb\n\n"
    "embstore merge node-*.duckdb --store all.duckdb --dry-run",
)
def merge(
    others: Annotated[
        list[str], typer.Argument(metavar="OTHER...", help="Stores to take runs from.")
    ],
    store: StoreOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be taken in.")
    ] = False,
) -> None:
    """Take in the runs of other stores that this one lacks: all of them, or none.

    The others are only read. Scores, tags and notes of failures come with the
    runs. Runs that are there already stay as they are, so merging again changes
    nothing. A store that is missing is made.
    """
    from embstore.store.connection import open_database
    from embstore.store.mending.merging import merge_stores

    database = open_database(store, lazy=True)
    for merged in merge_stores(database, others, dry_run=dry_run):
        done = "would merge" if dry_run else "merged"
        TERMINAL.say(f"{done} {merged.other} into {database.place}: {merged.sentence}")


@app.command(
    rich_help_panel="Keep and share",
    epilog="Example:\n\nembstore export geometry/ && embstore info --store geometry/",
)
def export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="An earlier export, or an empty or new folder.")
    ],
    store: StoreOption = None,
) -> None:
    """Write the store as Parquet files, ready to be pushed to a data-set hub.

    Runs that the folder has already stay as they are, and so does what you add
    to it; files that are missing or damaged are written anew. The folder can be
    asked as a store.
    """
    from embstore.store.connection import open_database
    from embstore.store.exports.exporting import export_store

    done = export_store(open_database(store, create=False), folder)
    others = f", {done.others:,} of other stores" if done.others else ""
    files = "file" if done.mended == 1 else "files"
    mended = f"; {done.mended:,} damaged or missing {files} written anew" if done.mended else ""
    TERMINAL.say(
        f"exported to {done.folder}: {done.new:,} run{'' if done.new == 1 else 's'} new, "
        f"{done.known:,} already there{others} ({done.size / 1e6:.1f} MB){mended}"
    )
    if done.damaged:
        TERMINAL.fail(
            f"{done.damaged:,} of the runs of other stores in {done.folder} are damaged: export "
            "the stores that they are from, or fetch the folder again"
        )
        raise typer.Exit(1)


@app.command(
    "import",
    rich_help_panel="Keep and share",
    epilog="Example:\n\nembstore import geometry/ --store all.duckdb",
)
def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What embstore export wrote.")],
    store: StoreOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be taken in.")
    ] = False,
) -> None:
    """Take in the runs of an export that the store lacks, once its checksums are right.

    All of them are taken in, or none. A store that is missing is made.
    """
    from embstore.store.connection import open_database
    from embstore.store.mending.merging import import_export

    database = open_database(store, lazy=True)
    merged = import_export(database, folder, dry_run=dry_run)
    done = "would import" if dry_run else "imported"
    TERMINAL.say(f"{done} {merged.other} into {database.place}: {merged.sentence}")
