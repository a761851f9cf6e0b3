"""The command that compares two models, checkpoints or runs."""

from typing import Annotated

import typer

from embstore.cli.completing import complete_metrics, complete_scopes
from embstore.cli.options import (
    FormatOption,
    OutputOption,
    StoreOption,
    TagOption,
    split_names,
    tag_filter,
)
from embstore.errors import UsageError

app = typer.Typer()

# What a row is of, and what it says.
_KEYS = ("metric", "scope", "part")
_NUMBERS = ("difference", "differs", "a", "b")


@app.command(
    rich_help_panel="Ask",
    epilog="Examples:\n\nembstore compare gpt2 opt-125m\n\n"
    "embstore compare pythia-70m@step1000 pythia-70m@step143000 --metric twonn -o growth.csv\n\n"
    "embstore compare 1f2e3d4c 5b6a7988 --scope all --summary",
)
def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="A model, MODEL@REVISION, or the beginning of a run's id."
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The same; differences are B - A.")],
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
        list[str] | None,
        typer.Option(
            help="Which tokens count: all, no_first, no_sinks, last or mean; a,b for several. "
            "all and no_sinks if not given.",
            autocompletion=complete_scopes,
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="layer|depth",
            help="Match layers by number or by depth; by number where both have equally many "
            "if not given, else by depth.",
        ),
    ] = None,
    summary: Annotated[
        bool,
        typer.Option("--summary", help="Only the summaries, also in csv and the other formats."),
    ] = False,
    layers: Annotated[
        bool, typer.Option("--layers", help="Every layer, also in a table on a terminal.")
    ] = False,
    store: StoreOption = None,
    format_: FormatOption = "auto",
    output: OutputOption = None,
    tag: TagOption = None,
) -> None:
    """Show where two models, checkpoints or runs differ by more than their errors.

    A table has the mean over the blocks and the peak of each metric; --layers,
    and every other format, have a row per layer before them. A difference is
    B - A with its 95 % interval, and the column differs says whether that
    leaves out 0.
    """
    from embstore.cli.output import choose_format, show_answer

    if summary and layers:
        raise UsageError("--summary leaves out what --layers shows; give one of them")
    chosen = choose_format(format_, output)
    from embstore.api.store import open_store
    from embstore.comparison.stored import summaries
    from embstore.tables.brief import brief
    from embstore.tables.glance import Glance

    metrics = split_names("--metric", metric, otherwise="the main ones") or ()
    scopes = split_names("--scope", scope, otherwise="all and no_sinks") or ()
    opened = open_store(store, tags=tag_filter(tag))
    answer = opened.compare(a, b, metric=metrics, scope=scopes, by=by)
    in_short = summary or (chosen == "table" and not layers)
    table = summaries(answer.table) if in_short else answer.table

    def at_a_glance(width: int) -> Glance:
        shown, shared = brief(table, keep=_NUMBERS, width=width)
        kept = tuple(name for name in (*_KEYS, *_NUMBERS) if name in shown.column_names)
        return Glance(shown, [*answer.at_a_glance(width).above, *shared.splitlines()], kept)

    show_answer(table, chosen, output, notes=answer.notes, at_a_glance=at_a_glance)
