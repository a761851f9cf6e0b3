"""The commands about studies: study validate, study ls, study show."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from embstore.cli.options import FormatOption, OutputOption
from embstore.cli.terminal import TERMINAL

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.ingestion.request import ModelSpec

app = typer.Typer(
    help="Check, list and show studies: TOML files that say what to measure.",
    no_args_is_help=True,
)


def _names() -> list[str]:
    from embstore.ingestion.studies.files import shipped_studies

    return list(shipped_studies())


StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A TOML file, or a name that embstore study ls lists.",
        autocompletion=_names,
    ),
]


@app.command(
    epilog="Examples:\n\nembstore study validate mine.toml\n\nembstore study validate tiny -f json"
)
def validate(
    study: StudyArgument, format_: FormatOption = "auto", output: OutputOption = None
) -> None:
    """Check a study and list the models it measures; nothing is fetched."""
    from embstore.cli.output import choose_format, write_table
    from embstore.ingestion.studies.study import read_study

    chosen = choose_format(format_, output)
    found = read_study(study)
    hidden = write_table(_models(found.request.models), chosen, output)
    n = len(found.request.models)
    TERMINAL.say(
        f"{found.name} is valid: {n} model{'s' if n != 1 else ''}, corpus {found.request.corpus}, "
        f"sha256 {found.sha256}"
    )
    if hidden:
        TERMINAL.say(f"{', '.join(hidden)} do not fit this terminal; see them with -f csv")


@app.command("ls", epilog="Example:\n\nembstore study ls -f md")
def list_(format_: FormatOption = "auto", output: OutputOption = None) -> None:
    """List the studies that come with embstore."""
    from embstore.cli.output import choose_format, write_table

    chosen = choose_format(format_, output)
    import pyarrow as pa

    from embstore.ingestion.studies.files import shipped_studies
    from embstore.ingestion.studies.study import read_study

    rows = []
    for name, path in shipped_studies().items():
        study = read_study(path)
        rows.append({"name": name, "title": study.title, "models": len(study.request.models)})
        rows[-1] |= {"corpus": study.request.corpus, "sha256": study.sha256}
    hidden = write_table(pa.Table.from_pylist(rows), chosen, output)
    if hidden:
        TERMINAL.say(f"{', '.join(hidden)} do not fit this terminal; see them with -f csv")


@app.command(epilog="Example:\n\nembstore study show shape-of-learning > mine.toml")
def show(study: StudyArgument) -> None:
    """Print a study's TOML, to copy and change."""
    from embstore.cli.output import write_out
    from embstore.ingestion.studies.files import study_path, study_text

    write_out(study_text(study_path(study)).encode())


def _models(models: "Sequence[ModelSpec]") -> "pa.Table":
    import pyarrow as pa

    # Types are given: from a column of None alone none could be told.
    return pa.table(
        {
            "model": pa.array([model.model for model in models], pa.string()),
            "revisions": pa.array([model.revisions for model in models], pa.string()),
            "name": pa.array([model.name for model in models], pa.string()),
            "random_init": pa.array([model.random_init for model in models], pa.bool_()),
        }
    )
