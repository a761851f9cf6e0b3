"""The commands that measure: ingest, measure and demo."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
)
from rich.text import Text

from embstore.cli.options import FormatOption, OutputOption, StoreOption
from embstore.cli.terminal import TERMINAL
from embstore.errors import UsageError
from embstore.types import SCOPES, Sampling

if TYPE_CHECKING:
    from embstore.ingestion import Outcome
    from embstore.measuring import Progress as Report

app = typer.Typer()

_DEFAULTS = Sampling()
# Share of true neighbours that an approximate search should find.
_GOOD_RECALL = 0.99


@app.command(
    epilog="Examples: embstore ingest gpt2 --corpus enwiki.xml.bz2  ·  "
    "embstore ingest ./my-model model.gguf --corpus notes.txt --tokens 16384 --tag lab=a"
)
def ingest(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL", help="Hub id (also ID@REVISION), model folder, or .gguf file."
        ),
    ],
    corpus: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="Text: .txt, or a MediaWiki export .xml, plain, .bz2 or .gz."
        ),
    ],
    store: StoreOption = None,
    tokens: Annotated[
        int, typer.Option(min=1, help="Tokens fed to each model, in whole windows.")
    ] = _DEFAULTS.tokens,
    window: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Tokens per sequence; 512, or the model's limit if lower, unless given.",
            show_default=False,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Windows per forward pass; unless given, what fits 80 MB of states.",
            show_default=False,
        ),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, help="Tokens kept for neighbours and quantiles.")
    ] = _DEFAULTS.sample,
    seed: Annotated[int, typer.Option(min=0, help="Draws windows and kept tokens.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    dtype: Annotated[
        str, typer.Option(help="auto (float32), float32, bfloat16 or float16.")
    ] = "auto",
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Stored with the run; may be repeated."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="What the store calls the model; by default its id, folder or file."),
    ] = None,
    scopes: Annotated[
        str, typer.Option(metavar="LIST", help="Which sets of tokens, with commas between.")
    ] = ",".join(SCOPES),
    pairs: Annotated[bool, typer.Option(help="Compare each layer with the next.")] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Measure again even if the same work is stored.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what there is to do and the memory it takes; no more."),
    ] = False,
    format_: FormatOption = "auto",
    output: OutputOption = None,
) -> None:
    """Measure models over a text and store the numbers."""
    tags = _parse_tags(tag or [])
    if name is not None and len(models) != 1:
        raise UsageError(f"--name is for one model, but {len(models)} are given")
    if not dry_run and (format_ != "auto" or output is not None):
        raise UsageError("--format and --output are for the table of --dry-run")
    # torch and transformers: seconds to import, and only here.
    from embstore.planning import Request, Settings, choose_scopes

    settings = Settings(
        sampling=Sampling(tokens=tokens, window=window, sample=sample, seed=seed),
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        tags=tags,
        force=force,
        scopes=choose_scopes(scopes),
        pairs=pairs,
    )
    requests = [Request(model, name) for model in models]
    if dry_run:
        from embstore.cli.dry_run import show
        from embstore.preview import preview

        show(preview(requests, corpus, store, settings), format_, output)
        return
    from embstore.ingestion import ingest as run_ingest

    n_stored = 0
    try:
        with progress_bar(models) as report:
            for outcome in run_ingest(requests, corpus, store, settings, progress=report):
                tell(outcome)
                n_stored += 1
    except KeyboardInterrupt:
        TERMINAL.fail(
            f"interrupted: {models[n_stored] if n_stored < len(models) else 'the last model'} "
            "is not stored; the same command starts it again"
        )
        raise


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
        int, typer.Option(min=1, help="Vectors kept for neighbours and quantiles.")
    ] = _DEFAULTS.sample,
    seed: Annotated[int, typer.Option(min=0, help="Draws the kept vectors.")] = 0,
    format_: FormatOption = "auto",
    output: OutputOption = None,
) -> None:
    """Measure any file of vectors; nothing is stored."""
    import pyarrow as pa

    from embstore.cli.output import choose_format, write_table
    from embstore.metrics.registry import METRICS
    from embstore.query import caveat
    from embstore.vectors import measure_vectors, read_vectors

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
    if note := caveat(table):
        TERMINAL.say(f"note: {note}")


@app.command(epilog="Example: embstore demo --out demo")
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where store and charts go.")] = Path(
        "demo"
    ),
    tokens: Annotated[int, typer.Option(min=1, help="Tokens fed to each model.")] = 4096,
) -> None:
    """Measure a small decoder and a small encoder on Wikipedia, and chart them."""
    from embstore.cli.output import write_table
    from embstore.demo import MODELS, run_demo

    try:
        with progress_bar([model.name for model in MODELS]) as report:
            finding = run_demo(out, tokens=tokens, progress=report, tell=tell)
    except KeyboardInterrupt:
        TERMINAL.fail("interrupted: the same command goes on after the last model stored")
        raise
    write_table(finding.layers, "table", None)
    TERMINAL.say(f"\n{finding.sentence}\n")
    for path in finding.files:
        TERMINAL.say(f"wrote {path}")
    TERMINAL.say(f"next: embstore query peak_layer --store {finding.store}")


def tell(outcome: "Outcome") -> None:
    """Say on stderr what became of a model."""
    label = f"{outcome.model}@{outcome.revision}"
    if outcome.status == "stored":
        TERMINAL.say(
            f"{label}: already measured with this text and configuration "
            f"(run {outcome.run_id[:8]}), nothing to do; --force measures anew"
        )
    else:
        TERMINAL.say(
            f"{label}: measured on {outcome.n_tokens:,} tokens in {outcome.seconds:.0f} s "
            f"(run {outcome.run_id[:8]})"
        )
    if outcome.least_recall is not None and outcome.least_recall < _GOOD_RECALL:
        from embstore.neighbors import EXACT_LIMIT

        TERMINAL.say(
            f"warning: {label}: recall {outcome.least_recall:.3f} of the approximate neighbour "
            f"search is below {_GOOD_RECALL}; with --sample {EXACT_LIMIT} or less it is exact"
        )


class _Pace(ProgressColumn):
    """Tokens per second while tokens go through the model, and the time left.

    Rich's own columns need several steps before they show a number; the average since
    the stage began is there after the first.
    """

    def render(self, task: Task) -> Text:
        if not task.elapsed or not task.completed or task.total is None:
            return Text("")
        pace = task.completed / task.elapsed
        left = round((task.total - task.completed) / pace)
        rate = f"{pace:,.0f} tokens/s, " if task.fields["stage"] == "forward" else ""
        return Text(f"{rate}{left // 60}:{left % 60:02d} left")


@contextlib.contextmanager
def progress_bar(models: list[str]) -> "Iterator[Report]":
    """Show a bar on stderr, if that is a terminal, and yield what moves it."""
    console = Console(stderr=True)
    bar = Progress(
        # A model's name is text, also where it has square brackets.
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        _Pace(),
        console=console,
        transient=True,
        disable=TERMINAL.quiet or not console.is_terminal,
    )
    with bar:
        state: dict[str, str] = {"model": "", "stage": ""}
        task = bar.add_task("reading the text", total=None, stage="")

        def report(stage: str, done: int, total: int) -> None:
            if stage == "model":
                state["model"] = models[done]
                state["stage"] = ""
                bar.reset(task, total=None, description=f"{models[done]}: loading", stage="")
                TERMINAL.detail(f"{models[done]}: loading")
                return
            if stage != state["stage"]:
                state["stage"] = stage
                what = {"forward": "reading tokens", "geometry": "measuring layers"}[stage]
                bar.reset(task, total=total, description=f"{state['model']}: {what}", stage=stage)
                TERMINAL.detail(f"{state['model']}: {what}")
            bar.update(task, completed=done)

        yield report


def _parse_tags(tags: list[str]) -> dict[str, str]:
    parsed = {}
    for tag in tags:
        key, equals, value = tag.partition("=")
        if not key or not equals:
            raise UsageError(f"tag {tag!r} has no value; write it as KEY=VALUE")
        parsed[key] = value
    return parsed
