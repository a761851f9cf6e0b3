"""The commands about scores from elsewhere: scores import, scores ls, scores rm."""

from typing import TYPE_CHECKING, Annotated

import typer

from embstore.cli.completing import complete_stored
from embstore.cli.options import FormatOption, OutputOption, StoreOption
from embstore.cli.terminal import TERMINAL

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.store.scores import ImportedScores

# Of more a reader would not read.
_MOST_NAMED = 5
# Fewer have no correlation, and a single step is no line.
_LEAST_MODELS, _LEAST_STEPS = 4, 2

app = typer.Typer(
    help="Take in scores of evaluations elsewhere, to correlate metrics with them.",
    no_args_is_help=True,
)


@app.command(
    "import",
    epilog="Examples:\n\nembstore scores import results/\n\nembstore scores import scores.csv "
    "--store team.duckdb",
)
def import_(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="lm-eval's results_*.json or a folder of them; a .csv, .tsv, .json, .jsonl or "
            ".parquet file with columns model, revision or step, name, value, and std_error.",
        ),
    ],
    store: StoreOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only read the files, and tell what they hold.")
    ] = False,
) -> None:
    """Take in scores of models, and say which stored checkpoints they are of.

    All of them are taken in, or none; imported again nothing is added. Nothing
    is overwritten: of several values of one thing the newest counts. Scores of
    models that are not stored are kept, and count once the model is there. A
    store that is missing is made.
    """
    from embstore.common.messages import counted, listed
    from embstore.inputs.scores.files import read_scores
    from embstore.store.connection import open_database
    from embstore.store.scores import write_scores

    found = read_scores(files)
    if dry_run:
        for note in found.notes:
            TERMINAL.say(f"note: {note}")
        names = listed(dict.fromkeys(score.name for score in found.scores), most=_MOST_NAMED)
        models = len({score.model for score in found.scores})
        TERMINAL.say(
            f"would import {counted(len(found.scores), 'score')} of {counted(models, 'model')} "
            f"from {counted(found.n_files, 'file')}: {names}"
        )
        return
    database = open_database(store, lazy=True)
    _tell(write_scores(database, found.scores, notes=found.notes), database.place)


def _tell(done: "ImportedScores", place: str) -> None:
    from embstore.common.messages import counted, listed

    parts = [f"{counted(done.new, 'score')} new", f"{done.known:,} already there"]
    if done.changed:
        parts.insert(1, f"{len(done.changed):,} changed")
    if done.older:
        parts.append(f"{done.older:,} older than what is there")
    TERMINAL.say(f"imported into {place}: {', '.join(parts)}")
    for note in done.notes:
        TERMINAL.say(f"note: {note}")
    if done.changed:
        changed = listed(done.changed, most=_MOST_NAMED, between="; ")
        TERMINAL.say(f"note: the newest counts: {changed}")
    if done.taken_for:
        taken = listed(done.taken_for, most=_MOST_NAMED)
        TERMINAL.say(f"note: taken as the same checkpoint: {taken}")
    if done.again:
        verb = "says" if done.again == 1 else "say"
        names = listed(done.names_of_one, most=_MOST_NAMED, between="; ")
        TERMINAL.say(
            f"note: {counted(done.again, 'score')} {verb} the same of a checkpoint under another "
            f"name, and {'is' if done.again == 1 else 'are'} not counted again: {names}"
        )
    if done.unmatched:
        names = listed(done.unmatched, most=_MOST_NAMED, between="; ")
        kept = "it is kept, and counts" if done.n_unmatched == 1 else "they are kept, and count"
        verb = "is" if done.n_unmatched == 1 else "are"
        TERMINAL.say(
            f"note: {counted(done.n_unmatched, 'score')} {verb} of no checkpoint of this store; "
            f"{kept} once it is there: {names}"
        )


@app.command("ls", epilog="Example:\n\nembstore scores ls -o scores.csv")
def list_(
    store: StoreOption = None,
    format_: FormatOption = "auto",
    output: OutputOption = None,
) -> None:
    """List the scores that count, and which stored checkpoint each is of.

    Beside a metric they are drawn by embstore chart score_correlation, over
    models or steps, and by score_by_step; the report does not show them.
    """
    from embstore.cli.output import choose_format, show_answer

    chosen = choose_format(format_, output)
    from embstore.api.store import open_store

    opened = open_store(store)
    answer = opened.query("scores")
    empty = f"{opened.place} holds no scores yet; take some in with embstore scores import"
    show_answer(answer.table, chosen, output, empty=empty, at_a_glance=answer.at_a_glance)
    if chosen == "table" and (commands := _drawn_by(answer.table)):
        TERMINAL.say(f"next: {', or '.join(commands)}")


def _drawn_by(table: "pa.Table") -> list[str]:
    """Return the commands that draw scores, of those for which there are enough.

    Args:
        table: the answer to the question ``scores``.
    """
    found = [row for row in table.to_pylist() if row["checkpoint"] is not None]
    models: dict[str, set[str]] = {}
    steps: dict[tuple[str, str], set[int]] = {}
    for row in found:
        models.setdefault(row["name"], set()).add(row["model"])
        if row["step"] is not None:
            steps.setdefault((row["name"], row["model"]), set()).add(row["step"])
    commands = []
    if max(map(len, models.values()), default=0) >= _LEAST_MODELS:
        commands.append("embstore chart score_correlation -o correlation.svg")
    if max(map(len, steps.values()), default=0) >= _LEAST_STEPS:
        commands.append("embstore chart score_by_step -o steps.svg")
    return commands


@app.command(
    epilog="Examples:\n\nembstore scores rm --source old.csv\n\nembstore scores rm --model gpt2 "
    "--name arc_easy/acc --yes",
)
def rm(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="As the scores name it; may be repeated.",
            autocompletion=complete_stored("score", "model"),
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Of the score; may be repeated.",
            autocompletion=complete_stored("score", "name"),
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="FILE",
            help="The name of the file they are from; may be repeated.",
            autocompletion=complete_stored("score", "source"),
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove them; without it they are only counted.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Count the scores that fit all that is given and, with --yes, remove them.

    Earlier values of the same thing go with them. There is no way back but to
    import them again.
    """
    from embstore.common.messages import counted
    from embstore.store.connection import open_database
    from embstore.store.mending.removing_scores import remove_scores

    database = open_database(store, create=False)
    removed = remove_scores(
        database,
        models=tuple(model or ()),
        names=tuple(name or ()),
        sources=tuple(source or ()),
        dry_run=not yes,
    )
    said = counted(removed.scores, "score")
    if removed.earlier:
        said += f" ({counted(removed.earlier, 'earlier value')} behind)"
    if yes:
        TERMINAL.say(f"removed {said} from {database.place}")
    else:
        TERMINAL.say(f"would remove {said} from {database.place}: do it with --yes")
