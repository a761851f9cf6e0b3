"""The command line as a whole: its commands, and errors as exit codes.

Importing it stays cheap: a command imports what it needs when it runs, and only
``ingest`` and ``demo`` ever import torch.
"""

import io
import os
import sys
import threading
from typing import Annotated, NoReturn

import typer

from embstore._version import __version__
from embstore.cli.ask import app as ask_app
from embstore.cli.chart import app as chart_app
from embstore.cli.compare import app as compare_app
from embstore.cli.derive import app as derive_app
from embstore.cli.ingest import app as ingest_app
from embstore.cli.interrupts import INTERRUPTED, heed_signals
from embstore.cli.light_imports import skip_grammar_of_addresses, skip_pandas
from embstore.cli.maintain import app as maintain_app
from embstore.cli.measure import app as measure_app
from embstore.cli.mend import app as mend_app
from embstore.cli.migrate import app as migrate_app
from embstore.cli.report import app as report_app
from embstore.cli.scores import app as scores_app
from embstore.cli.share import app as share_app
from embstore.cli.streams import give_up_output, is_of_printing, open_missing_streams
from embstore.cli.study import app as study_app
from embstore.cli.terminal import TERMINAL, show_notes
from embstore.cli.utf8_mode import use_utf8
from embstore.cli.verify import app as verify_app
from embstore.cli.watch import app as watch_app
from embstore.cli.wrong_usage import explain, is_help, is_wrong_usage
from embstore.common.messages import one_line
from embstore.errors import EmbstoreError

app = typer.Typer(
    name="embstore",
    help="Measure, store and query the geometry of transformer embeddings.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with:\n\nembstore ingest MODEL --corpus TEXT\n\nembstore query layer_profile",
)
app.add_typer(ingest_app)
app.add_typer(measure_app)
app.add_typer(derive_app)
app.add_typer(ask_app)
app.add_typer(chart_app)
app.add_typer(compare_app)
app.add_typer(report_app)
app.add_typer(watch_app)
app.add_typer(verify_app)
app.add_typer(share_app)
app.add_typer(mend_app)
app.add_typer(migrate_app)
app.add_typer(maintain_app)
app.add_typer(study_app, name="study", rich_help_panel="Measure")
app.add_typer(scores_app, name="scores", rich_help_panel="Keep and share")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"embstore {__version__}")
        raise typer.Exit


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only errors on stderr.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More on stderr.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Tracebacks for errors.")] = False,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Measure, store and query the geometry of transformer embeddings."""
    TERMINAL.quiet, TERMINAL.verbose, TERMINAL.debug = quiet, verbose, debug


def main() -> None:
    """Run the command line; the one place where errors become exit codes."""
    use_utf8()
    open_missing_streams()
    show_notes()
    skip_grammar_of_addresses()
    skip_pandas(sys.argv[1:])
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Help has letters that not every terminal has. Data is written as UTF-8 in any case.
        sys.stdout.reconfigure(errors="backslashreplace")
    heed_signals()
    try:
        # So that what is wrong with the command line itself comes here, too.
        code = app(prog_name="embstore", standalone_mode=False)
    except EmbstoreError as error:
        if TERMINAL.debug:
            raise
        TERMINAL.fail(str(error))
        _leave(error.exit_code)
    except typer.Abort:
        TERMINAL.fail("aborted")
        _leave(1)
    except Exception as error:
        if is_wrong_usage(error):
            if not is_help(error):
                TERMINAL.fail(explain(error))
            _leave(error.exit_code)
        if TERMINAL.debug:
            raise
        if isinstance(error, OSError) and is_of_printing(error):
            give_up_output()
            TERMINAL.fail(
                f"cannot write to standard output: {one_line(error.strerror or str(error)).lower()}"
            )
            _leave(1)
        TERMINAL.fail(
            f"unexpected {type(error).__name__}: {one_line(error, longest=None)}; this is a bug "
            "in embstore, please report it with the output of the same command after --debug"
        )
        _leave(1)
    if code == INTERRUPTED and not TERMINAL.failed:
        TERMINAL.fail("interrupted")
    _leave(code if isinstance(code, int) else 0)


def _leave(code: int) -> NoReturn:
    """End now, also while a checkpoint is fetched, or stored, in a thread.

    Nothing is half-written by then.
    """
    if any(thread.name in {"preparation", "device"} for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
