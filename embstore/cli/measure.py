"""The commands that measure without a plan of one's own: measure and demo."""

from pathlib import Path
from typing import Annotated

import typer

from embstore.cli.options import FormatOption, OutputOption
from embstore.cli.outcomes import tell
from embstore.cli.progress import progress_bar
from embstore.cli.terminal import TERMINAL
from embstore.types import Sampling

app = typer.Typer()

_DEFAULTS = Sampling()


@app.command(
    epilog="Examples: embstore measure vectors.npy  ·  "
    "embstore measure states.safetensors --key layer_3 -f json"
)
def measure(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="(n, d) vectors: .npy, .npz, .safetensors, .parquet."),
    ],
    key: Annotated[
        str | None, typer.Option(help="Which array, or which column of lists, of several.")
    ] = None,
    sample: Annotated[
        int, typer.Option(help="Vectors kept for neighbours and quantiles.")
    ] = _DEFAULTS.sample,
    seed: Annotated[int, typer.Option(help="Draws the kept vectors.")] = 0,
    format_: FormatOption = "auto",
    output: OutputOption = None,
) -> None:
    """Measure any file of vectors; nothing is stored."""
    import pyarrow as pa

    from embstore.asking.caveats import dimension_caveat
    from embstore.cli.output import choose_format, write_table
    from embstore.measuring.vectors import measure_vectors, read_vectors
    from embstore.metrics.registry import METRICS

    chosen = choose_format(format_, output)
    found = measure_vectors(read_vectors(file, key=key), sample=sample, seed=seed)
    rows = {
        "metric": list(found),
        "value": [value.value for value in found.values()],
        "std_error": [v.interval.std_error if v.interval else None for v in found.values()],
        "ci_low": [v.interval.low if v.interval else None for v in found.values()],
        "ci_high": [v.interval.high if v.interval else None for v in found.values()],
        "n": [value.n for value in found.values()],
        "unit": [METRICS[name].info.unit for name in found],
        "reason": pa.array([value.reason for value in found.values()], type=pa.string()),
    }
    table = pa.table(rows)
    write_table(table, chosen, output)
    if note := dimension_caveat(table):
        TERMINAL.say(f"note: {note}")


@app.command(epilog="Example: embstore demo --out demo")
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where store and charts go.")] = Path(
        "demo"
    ),
    tokens: Annotated[int, typer.Option(help="Tokens fed to each model.")] = 4096,
) -> None:
    """Measure a small decoder and a small encoder on Wikipedia, and chart them."""
    from embstore.cli.output import write_table
    from embstore.demo import run_demo

    try:
        with progress_bar() as bar:
            result = run_demo(out, tokens=tokens, progress=bar.progress, begin=bar.begin, tell=tell)
    except KeyboardInterrupt:
        TERMINAL.fail("interrupted: the same command goes on after the last model stored")
        raise
    write_table(result.layers, "table", None)
    TERMINAL.say(f"\n{result.sentence}\n")
    for path in result.files:
        TERMINAL.say(f"wrote {path}")
    TERMINAL.say(f"next: embstore query peak_layer --store {result.store}")
