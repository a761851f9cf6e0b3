"""The command that keeps a lake quick and small: maintain."""

from typing import Annotated

import typer

from embstore.choices import KEPT_DAYS
from embstore.cli.options import StoreOption
from embstore.cli.terminal import TERMINAL

app = typer.Typer()


@app.command(
    rich_help_panel="Keep and share",
    epilog="Examples:\n\nembstore maintain --store 'ducklake:postgres:dbname=embstore host=db'\n\n"
    "embstore maintain --keep-days 0",
)
def maintain(
    keep_days: Annotated[
        float,
        typer.Option(
            "--keep-days",
            metavar="DAYS",
            help="Keep earlier states of the lake, and the files they need, for so long.",
        ),
    ] = KEPT_DAYS,
    store: StoreOption = None,
) -> None:
    """Merge a lake's small files, forget its earlier states and delete what nobody needs.

    Numbers stay as they are. Others wait to write meanwhile; questions are answered,
    but with --keep-days 0 those that began before may fail. A DuckDB file needs no
    maintenance.
    """
    from embstore.store.connection import open_database
    from embstore.store.lake.maintaining import maintain as maintain_lake

    database = open_database(store, create=False)
    done = maintain_lake(database, keep_days=keep_days)
    states = "state" if done.expired == 1 else "states"
    TERMINAL.say(
        f"maintained {database.place}: {done.files_before:,} files before, with what was in the "
        f"catalog {done.files:,} now ({done.size / 1e6:.1f} MB); {done.expired:,} earlier {states} "
        f"forgotten, {done.removed:,} files deleted"
    )
