"""The commands that change what is stored: rm, rename, tag, group, ungroup."""

from typing import TYPE_CHECKING, Annotated

import typer

from embstore.cli.options import (
    FormatOption,
    OutputOption,
    StoreOption,
    parse_tags,
    split_names,
)
from embstore.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from embstore.store.mending.removing import Removed

app = typer.Typer()


@app.command(
    rich_help_panel="Keep and share",
    epilog="Examples:\n\nembstore rm --model gpt2\n\nembstore rm --model pythia-70m "
    "--revision step0 --yes\n\nembstore rm --run 1f2e3d4c --yes",
)
def rm(
    run: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="ID", help="A run's id, or how it begins; may be repeated."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME", help="All runs of a model; may be repeated."),
    ] = None,
    revision: Annotated[
        list[str] | None,
        typer.Option("--revision", metavar="NAME", help="Only of this revision; may be repeated."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove them; without it they are only listed.")
    ] = False,
    store: StoreOption = None,
    format_: FormatOption = "auto",
    output: OutputOption = None,
) -> None:
    """List runs and, with --yes, remove them and what no other run needs.

    What fits all that is given is meant. There is no way back but a copy of the
    store.
    """
    from embstore.cli.output import choose_format, show_answer

    chosen = choose_format(format_, output)
    from embstore.store.connection import open_database
    from embstore.store.mending.find_runs import Selection
    from embstore.store.mending.removing import remove_runs

    database = open_database(store, create=False)
    selection = Selection(
        runs=tuple(split_names("--run", run, otherwise="all that fit the rest") or ()),
        models=tuple(model or ()),
        revisions=tuple(revision or ()),
    )
    removed = remove_runs(database, selection, dry_run=not yes)
    if removed.runs.num_rows:
        show_answer(removed.runs, chosen, output)
    counted = _counted(removed)
    if yes:
        free = "their files are deleted by `embstore maintain`, after the days that it keeps"
        if removed.freed_bytes is not None:
            free = f"{removed.freed_bytes / 1e6:.1f} MB of the file are free for later runs"
        TERMINAL.say(f"removed {counted} from {database.place}: {free}")
    else:
        TERMINAL.say(f"would remove {counted} from {database.place}: do it with --yes")


def _counted(removed: "Removed") -> str:
    counts = [(removed.runs.num_rows, "run"), (removed.measurements, "measurement")]
    if removed.failures:
        counts.append((removed.failures, "failure"))
    return ", ".join(f"{n:,} {noun}{'' if n == 1 else 's'}" for n, noun in counts)


@app.command(
    rich_help_panel="Keep and share",
    epilog="Example:\n\nembstore rename ./runs/7b-final lab/shape-7b",
)
def rename(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As embstore ls models has it.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="A name that no model has.")],
    store: StoreOption = None,
) -> None:
    """Call a model by another name, with all its checkpoints and runs.

    Ids stay as they are, so its checkpoints are still recognised as measured
    when they are ingested under the first name.
    """
    from embstore.store.connection import open_database
    from embstore.store.mending.renaming import rename_model

    database = open_database(store, create=False)
    runs = rename_model(database, model, new)
    TERMINAL.say(f"renamed {model} to {new} ({runs:,} run{'' if runs == 1 else 's'})")


@app.command(
    rich_help_panel="Keep and share",
    epilog="Examples:\n\nembstore tag 1f2e3d4c sweep=lr lr=0.1\n\nembstore tag 1f2e3d4c lr=\n\n"
    "embstore ls runs --tag sweep=lr",
)
def tag(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it begins.")],
    tags: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="KEY= takes a tag away.")
    ],
    store: StoreOption = None,
) -> None:
    """Give a stored run tags, or take them away."""
    from embstore.store.connection import open_database
    from embstore.store.mending.tagging import shown, tag_run

    asked = parse_tags(tags)
    database = open_database(store, create=False)
    tagged = tag_run(database, run, asked)
    about = tagged.run
    name = f"run {str(about['run_id'])[:8]} ({about['model']}@{about['revision']})"
    done = "tagged" if tagged.changed else "nothing to change:"
    TERMINAL.say(f"{done} {name}; its tags: {shown(tagged.tags)}")


@app.command(
    rich_help_panel="Keep and share",
    epilog="Examples:\n\nembstore group pythia-14m EleutherAI/pythia-14m-seed1 "
    "EleutherAI/pythia-14m-seed2\n\nembstore chart layer_profile -p models=pythia-14m --open",
)
def group(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What they are together called.")],
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="As embstore ls models has them.")
    ],
    store: StoreOption = None,
) -> None:
    """Say that stored models are seeds of one another.

    In profiles they are one line, the median, with a band over the seeds. A
    model is in one group: what is said last counts.
    """
    _say_groups(store, models, name)


@app.command(
    rich_help_panel="Keep and share",
    epilog="Example:\n\nembstore ungroup EleutherAI/pythia-14m-seed2",
)
def ungroup(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="As embstore ls models has them.")
    ],
    store: StoreOption = None,
) -> None:
    """Take models out of their groups of seeds."""
    _say_groups(store, models, None)


def _say_groups(store: str | None, models: list[str], name: str | None) -> None:
    from embstore.store.connection import open_database
    from embstore.store.mending.grouping import group_models

    for model in group_models(open_database(store, create=False), models, name):
        if model.before == name:
            TERMINAL.say(f"nothing to change: {model.model} is in {_group_in_words(name)}")
        elif name is None:
            TERMINAL.say(f"{model.model} is no seed of {model.before} any more")
        else:
            was = f"; it was one of {model.before}" if model.before is not None else ""
            TERMINAL.say(f"{model.model} is a seed of {name} now{was}")


def _group_in_words(name: str | None) -> str:
    return "no group" if name is None else f"group {name} already"
