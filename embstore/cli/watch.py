"""The command that shows a training's newest numbers while it runs."""

import functools
import os
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from embstore.choices import SCOPES
from embstore.cli.completing import complete_metrics, complete_one_scope, complete_stored_models
from embstore.cli.conflicts import given
from embstore.cli.options import (
    EveryOption,
    StoreOption,
    TagOption,
    pause,
    split_names,
    tag_filter,
)
from embstore.errors import UsageError

if TYPE_CHECKING:
    from embstore.asking.watching.training import Wanted
    from embstore.store.database import Database

app = typer.Typer()

# Seconds that a look waits for a store that another process holds: the next look comes soon.
_PATIENCE = 0.5


@app.command(
    rich_help_panel="Ask",
    epilog="Examples:\n\nembstore watch\n\nembstore watch runs.duckdb\n\n"
    "embstore watch --model run-7 --metric anisotropy,rankme --scope no_sinks\n\n"
    "embstore watch --once",
)
def watch(
    context: typer.Context,
    place: Annotated[
        str | None,
        typer.Argument(metavar="STORE", help="The store, as --store takes it.", show_default=False),
    ] = None,
    store: StoreOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Whose training; the one that was measured last if not given.",
            autocompletion=complete_stored_models,
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            "-m",
            help="Which metric; a,b for several. The main ones if not given.",
            autocompletion=complete_metrics,
        ),
    ] = None,
    scope: Annotated[
        str,
        typer.Option(
            help="Which tokens count: all, no_first, no_sinks, last or mean.",
            autocompletion=complete_one_scope,
        ),
    ] = "all",
    every: EveryOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print one frame with all layers, and end.")
    ] = False,
    tag: TagOption = None,
) -> None:
    """Show a training's newest numbers, layer by layer, while it is measured.

    The view shows the newest step and a sparkline of all steps so far for each
    layer, and looks for a new one every two seconds. It waits for a store that
    is not there yet. Ctrl-C ends it. In a pipe it prints one frame, as --once.
    """
    from embstore.asking.watching.training import Wanted
    from embstore.asking.watching.view import View
    from embstore.common.messages import unknown
    from embstore.store.assembling import read_tags
    from embstore.store.connection import open_database

    if place is not None and given(context, ["store"]):
        raise UsageError(f"two stores are named, {place} and {store}; name one")
    seconds = pause(every)
    if once and every is not None:
        raise UsageError("--once looks once, so --every does nothing; leave it out")
    known = next((one for one in SCOPES if one == scope), None)
    if known is None:
        raise UsageError(unknown("scope", scope, SCOPES))
    metrics = split_names("--metric", metric, otherwise="the main ones") or ()
    wanted = Wanted(model, tuple(dict.fromkeys(metrics)), known)
    live = not once and sys.stdout.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}
    opened = functools.partial(
        open_database,
        store if place is None else place,
        create=False,
        timeout=_PATIENCE if live else None,
        tags=read_tags(tag_filter(tag)),
    )
    if not live:
        _print_frame(opened(), wanted)
        return
    from embstore.cli.screen import show

    show(View(opened, wanted), seconds)


def _print_frame(database: "Database", wanted: "Wanted") -> None:
    """Print all layers: as wide as a terminal, elsewhere as wide as it takes."""
    from embstore.asking.watching.frame import frame
    from embstore.asking.watching.training import read_training
    from embstore.cli.output import write_out

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = frame(read_training(database, wanted), datetime.now(UTC), width=width)
    write_out("".join(f"{line.text}\n" for line in lines).encode())
