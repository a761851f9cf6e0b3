"""The command that draws the answer to a question."""

import tempfile
import warnings
from pathlib import Path
from typing import Annotated

import typer

from embstore.cli.options import (
    ParamOption,
    QueriesOption,
    QuestionArgument,
    StoreOption,
    TagOption,
    assignments,
    complete_themes,
    tag_filter,
)
from embstore.cli.terminal import TERMINAL
from embstore.cli.viewer import open_file
from embstore.errors import EmbstoreError, UsageError

app = typer.Typer()


@app.command(
    rich_help_panel="Ask",
    epilog="Examples:\n\nembstore chart layer_profile --open\n\n"
    "embstore chart layer_profile -p metric=twonn -p by=layer -o twonn.pdf -o twonn.png",
)
def chart(
    name: QuestionArgument,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Ends in .html, .svg, .png, .pdf or .json; may be repeated.",
        ),
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Show the picture: the first file, or a page.")
    ] = False,
    param: ParamOption = None,
    theme: Annotated[
        str,
        typer.Option(metavar="light|dark", help="The colours.", autocompletion=complete_themes),
    ] = "light",
    columns: Annotated[
        int,
        typer.Option(min=1, max=3, help="Panels side by side at most: 1 for a narrow page."),
    ] = 3,
    store: StoreOption = None,
    queries: QueriesOption = None,
    tag: TagOption = None,
) -> None:
    """Draw the answer to a question, once for all files it is written to."""
    from embstore.charts.files import check_suffix

    files = list(output or ())
    for file in files:
        check_suffix(file)
    from embstore.asking.ask import find_question, shadow_of

    question = find_question(name, queries or ())
    if not files and not open_:
        raise UsageError("say where the chart goes: -o FILE writes it, --open shows it")
    params = assignments(param or ())
    from embstore.api.store import open_store

    opened = open_store(store, queries=queries or (), tags=tag_filter(tag))
    if shadow := shadow_of(question):
        TERMINAL.say(f"note: {shadow}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        drawn = opened.draw(name, params, theme=theme, columns=columns)
    for warning in caught:
        TERMINAL.say(f"warning: {warning.message}")
    from embstore.charts.build import save_chart

    if not files:
        # Not deleted here: the browser reads it after this command has ended.
        files = [Path(tempfile.mkdtemp(prefix="embstore-chart-")) / f"{name}.html"]
    for file in files:
        save_chart(drawn, file)
        TERMINAL.say(f"wrote {file}")
    if open_:
        _show(next((file for file in files if file.suffix.lower() != ".json"), files[0]))


def _show(file: Path) -> None:
    """Open a file as the desktop does.

    Raises:
        EmbstoreError: there is no program to open it with.
    """
    if not open_file(file.resolve()):
        raise EmbstoreError(f"wrote {file}, but found no program to show it; open it yourself")
