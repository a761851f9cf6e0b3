"""``embstore verify``: whether a store is sound."""

from dataclasses import asdict

import typer

from embstore.cli.options import FormatOption, OutputOption, StoreOption
from embstore.cli.terminal import TERMINAL

app = typer.Typer()


@app.command(rich_help_panel="Keep and share")
def verify(
    store: StoreOption = None,
    format_: FormatOption = "auto",
    output: OutputOption = None,
) -> None:
    """Look for what no store should have, and say what mends it.

    Rows twice, rows that refer to nothing, missing layers, numbers, spectra
    and curves, numbers that cannot be, such as those beyond their metric's
    bounds, and tables and views that somebody has changed; of an export first
    files that differ from their checksums. Nothing is changed. One row per kind
    of fault; the exit code is 1 if there is any.

    Example:
        embstore verify --store team.duckdb
    """
    from embstore.cli.output import choose_format, write_table

    chosen = choose_format(format_, output)
    import pyarrow as pa

    from embstore.api.store import open_store

    opened = open_store(store)
    faults = opened.verify()
    if not faults:
        known = opened.info()
        TERMINAL.say(
            f"{known['store']}: no faults in {known['runs']:,} runs and "
            f"{known['measurements']:,} measurements"
        )
        return
    write_table(pa.Table.from_pylist([asdict(fault) for fault in faults]), chosen, output)
    TERMINAL.fail(f"{opened.place} has faults of {len(faults)} kind{'s' * (len(faults) != 1)}")
    raise typer.Exit(1)
