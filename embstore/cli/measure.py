"""The commands that measure without a plan of one's own: measure and demo."""

from pathlib import Path
from typing import Annotated

import typer

from embstore.choices import Sampling
from embstore.cli.completing import complete_choices, complete_columns
from embstore.cli.options import FormatOption, OutputOption, split_names
from embstore.cli.outcomes import tell
from embstore.cli.progress import progress_bar
from embstore.cli.terminal import TERMINAL
from embstore.errors import UsageError

app = typer.Typer()

_DEFAULTS = Sampling()


@app.command(
    rich_help_panel="Measure",
    epilog="Examples:\n\nembstore measure vectors.npy\n\n"
    "embstore measure tokens.parquet --windows sentence --ignore id\n\n"
    "embstore measure states.safetensors --key layer_3 -f json\n\n"
    "embstore measure layer_3.npy layer_4.npy --windows document.txt\n\n"
    "embstore measure states.pt --all --metrics core -o layers.csv",
)
def measure(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Vectors, one a row: .npy, .npz, .safetensors, .pt, .parquet, .csv, .tsv, word "
            "vectors as .txt, .vec or .bin; arrays of (windows, tokens, d) too.",
        ),
    ],
    second: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE2",
            help="The same rows one layer on: measure how FILE becomes FILE2.",
            show_default=False,
        ),
    ] = None,
    windows: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN|FILE",
            help="What came together, as the tokens of one text: a column or array of FILE, or a "
            "file with a label per row (.npy, or .txt or .csv, one a line). Standard errors count "
            "windows.",
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="Which array, or which column of lists, of several. Given twice, both; with "
            "FILE2 the second is its own."
        ),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every array of FILE, one after the other.")
    ] = False,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="A table's coordinates: a,b,c or 'dim_*'; every column of numbers if not given.",
            autocompletion=complete_columns,
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="A table's columns that are no coordinates, as id.",
            autocompletion=complete_columns,
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            help="Names, families and presets: anisotropy,dimension; every metric of vectors if "
            "not given.",
            autocompletion=complete_choices,
        ),
    ] = None,
    sample: Annotated[
        int, typer.Option(help="Vectors kept for neighbours and quantiles.")
    ] = _DEFAULTS.sample,
    seed: Annotated[int, typer.Option(help="Draws the kept vectors.")] = 0,
    format_: FormatOption = "auto",
    output: OutputOption = None,
) -> None:
    """Measure any file of vectors; nothing is stored.

    One row per metric: its value, standard error and 95 % interval, the
    vectors behind it, or the reason why it is undefined.
    """
    from embstore.cli.output import choose_format, show_answer

    chosen = choose_format(format_, output)
    from embstore.api.vector_files import Wanted, measure_arrays, measure_files
    from embstore.inputs.vectors.tables import ColumnChoice

    wanted = Wanted(
        windows=windows,
        keys=tuple(key or ()),
        choice=ColumnChoice(
            tuple(split_names("--columns", columns) or ()),
            tuple(split_names("--ignore", ignore, otherwise="none") or ()),
        ),
        metrics=None if metrics is None else tuple(split_names("--metrics", metrics) or ()),
        sample=sample,
        seed=seed,
    )
    if all_ and second is not None:
        raise UsageError("--all measures one file; leave FILE2 out, or name arrays with --key")
    if all_ or (second is None and len(wanted.keys) > 1):
        found = measure_arrays(file, wanted, every=all_)
    else:
        found = measure_files(file, second, wanted)
    show_answer(found.table, chosen, output, notes=found.notes)
    for failure in found.failures:
        TERMINAL.fail(failure)
    if found.failures:
        raise typer.Exit(4)


@app.command(rich_help_panel="Measure", epilog="Example:\n\nembstore demo --out demo")
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where store and charts go.")] = Path(
        "demo"
    ),
    tokens: Annotated[int, typer.Option(help="Tokens fed to each model.")] = 4096,
) -> None:
    """Measure a small decoder and a small encoder on Wikipedia, and chart them."""
    from embstore.api.store import open_store
    from embstore.cli.output import show_answer
    from embstore.demo import run_demo

    try:
        with progress_bar() as bar:
            result = run_demo(out, tokens=tokens, watch=bar.begin, tell=tell)
    except KeyboardInterrupt:
        TERMINAL.fail("interrupted: the same command goes on after the last model stored")
        raise
    layers = open_store(result.store).query("layers", models=list(result.models))
    show_answer(layers.table, "table", None, at_a_glance=layers.at_a_glance, for_people=True)
    TERMINAL.say(f"\n{result.sentence}\n")
    for path in result.files:
        TERMINAL.say(f"wrote {path}")
    TERMINAL.say(f"next: embstore query peak_layer --store {result.store}")
