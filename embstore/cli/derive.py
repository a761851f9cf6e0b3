"""The command that computes metrics of stored runs from their spectra: derive."""

from typing import TYPE_CHECKING, Annotated

import typer

from embstore.cli.options import StoreOption
from embstore.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from embstore.store.mending.deriving import Derived

app = typer.Typer()


@app.command(
    rich_help_panel="Measure",
    epilog="Examples:\n\nembstore derive output_variance band_2_10\n\n"
    "embstore derive all --model gpt2 --store team.duckdb",
)
def derive(
    metrics: Annotated[
        list[str],
        typer.Argument(
            metavar="METRIC...", help="Names, or all for every one that follows from a spectrum."
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME", help="Only of this model; may be repeated."),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Compute metrics of stored runs from their spectra, without the model.

    They are what the same pass would have measured, but without errors, which
    take the tokens. Asked for again nothing is done, and an ingest that asks for
    them measures them.
    """
    from embstore.store.connection import open_database
    from embstore.store.mending.deriving import derive_numbers

    names = [name.strip() for term in metrics for name in term.split(",") if name.strip()]
    database = open_database(store, create=False)
    done = derive_numbers(database, names, models=model or ())
    TERMINAL.say(_told(done, database.place))


def _told(done: "Derived", place: str) -> str:
    from embstore.common.messages import counted, listed

    if done.runs:
        said = (
            f"derived {listed(done.metrics)} of {counted(done.runs, 'run')} in {place} "
            f"({counted(done.numbers, 'number')})"
        )
    else:
        said = f"nothing to derive in {place}"
    if done.known:
        said += f"; {counted(done.known, 'run')} {_has(done.known)} them already"
    if done.without:
        said += (
            f"; {counted(done.without, 'run')} {_has(done.without)} no spectra, having been "
            "measured without a metric of the spectrum: measure them again"
        )
    if done.outdated:
        said += (
            f"; {counted(done.outdated, 'run')} {_has(done.outdated)} some by an earlier "
            "definition, which stays: measure them again"
        )
    return said


def _has(n: int) -> str:
    return "has" if n == 1 else "have"
