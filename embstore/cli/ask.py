"""The commands that ask a store: ls, info, query, sql."""

import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embstore.cli.options import (
    LISTS,
    FormatOption,
    ListArgument,
    OutputOption,
    ParamOption,
    QueriesOption,
    QuestionArgument,
    ReasonsOption,
    StoreOption,
    TagOption,
    assignments,
    tag_filter,
)
from embstore.cli.terminal import TERMINAL
from embstore.common.paths import expanded
from embstore.common.utf8_text import utf8
from embstore.errors import QueryError, UsageError
from embstore.inputs.utf8 import not_utf8

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from embstore.metrics.metric import Metric
    from embstore.tables.glance import Glance

app = typer.Typer()

# Numbers as JSON writes them: not 00123, +5, 1. or 0x10, which are rather codes and names,
# and not nan, inf or 1_000, which Python would take for numbers too.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@app.command(
    "ls",
    rich_help_panel="Ask",
    epilog="Examples:\n\nembstore ls models\n\nembstore ls queries -f md",
)
def list_(
    what: ListArgument = "models",
    store: StoreOption = None,
    format_: FormatOption = "auto",
    output: OutputOption = None,
    queries: QueriesOption = None,
    tag: TagOption = None,
) -> None:
    """List what the store holds, or which metrics and questions there are."""
    from embstore.cli.output import choose_format, show_answer

    if what not in LISTS:
        from embstore.common.messages import closest

        raise UsageError(
            f"cannot list {what!r}{closest(what, LISTS)}; choose from {', '.join(LISTS)}"
        )
    if tag and what in {"metrics", "queries"}:
        raise UsageError(f"--tag chooses runs, and {what} are not of runs; leave it out")
    if queries and what != "queries":
        raise UsageError(f"--queries adds questions, and {what} are none; leave it out")
    chosen = choose_format(format_, output)
    if what == "metrics":
        metrics = _metrics()
        show_answer(metrics, chosen, output, at_a_glance=_titles(metrics))
    elif what == "queries":
        from embstore.asking.ask import question_table

        listed, broken = question_table(queries or ())
        show_answer(listed, chosen, output, at_a_glance=_titles(listed))
        for error in broken:
            TERMINAL.fail(str(error))
        if broken:
            # As the shell's ls does for a file it cannot read, so that scripts notice.
            raise typer.Exit(QueryError.exit_code)
    else:
        from embstore.api.store import open_store

        opened = open_store(store, tags=tag_filter(tag))
        answer = opened.query(what)
        empty = f"{opened.place} holds no {what} yet"
        show_answer(answer.table, chosen, output, empty=empty, at_a_glance=answer.at_a_glance)


@app.command(
    rich_help_panel="Ask", epilog="Example:\n\nembstore info --store demo/embstore.duckdb -f json"
)
def info(
    store: StoreOption = None, format_: FormatOption = "auto", output: OutputOption = None
) -> None:
    """Tell what is in the store, and how large it is."""
    from embstore.cli.output import choose_format, show_answer

    chosen = choose_format(format_, output)
    import pyarrow as pa

    from embstore.api.store import open_store

    facts = open_store(store).info()
    show_answer(pa.Table.from_pylist([facts]), chosen, output, upright=True)


@app.command(
    rich_help_panel="Ask",
    epilog="Examples:\n\nembstore query layer_profile -p metric=twonn -p models=gpt2,opt-125m\n\n"
    "embstore query peak_layer -o peaks.csv\n\nembstore query runs --show --duckdb",
)
def query(
    name: QuestionArgument,
    param: ParamOption = None,
    store: StoreOption = None,
    format_: FormatOption = "auto",
    output: OutputOption = None,
    reasons: ReasonsOption = False,
    show: Annotated[
        bool, typer.Option("--show", help="Print the SQL file instead of running it.")
    ] = False,
    duckdb: Annotated[
        bool,
        typer.Option(
            "--duckdb", help="With --show: with the parameters' values, for the DuckDB shell."
        ),
    ] = False,
    queries: QueriesOption = None,
    tag: TagOption = None,
) -> None:
    """Answer a question: run one of the .sql files over the store."""
    from embstore.asking.ask import bind, find_question, shadow_of, values_in_sql
    from embstore.cli.output import choose_format, show_answer, write_out

    if duckdb and not show:
        raise UsageError("--duckdb changes what --show prints; give both")
    if show and param and not duckdb:
        raise UsageError("--show prints the file as it is; with --duckdb it has the values of -p")
    if show and (tag or reasons or format_ != "auto"):
        raise UsageError("--show prints the SQL, to which --tag, --reasons and --format do nothing")
    chosen = "" if show else choose_format(format_, output)
    question = find_question(name, queries or ())
    if shadow := shadow_of(question):
        TERMINAL.say(f"note: {shadow}")
    params = assignments(param or ())
    if show:
        from embstore.asking.literal_sql import portable_sql
        from embstore.store.statement import statement_parameters

        shown = question.sql
        if duckdb:
            in_sql = statement_parameters(shown)
            values = values_in_sql(question, bind(question, params), in_sql)
            shown = portable_sql(question, values)
        write_out(shown.encode(), output)
        return
    from embstore.api.store import open_store

    opened = open_store(store, queries=queries or (), tags=tag_filter(tag))
    answer = opened.query(name, **params)
    if reasons:
        answer = opened.with_reasons(answer)
    show_answer(
        answer.table,
        chosen,
        output,
        empty=answer.why_empty,
        notes=answer.notes,
        at_a_glance=answer.at_a_glance,
    )


@app.command(
    rich_help_panel="Ask",
    epilog="Examples:\n\nembstore sql 'SELECT model, max(value) FROM profile "
    "WHERE metric = $metric GROUP BY model' -p metric=anisotropy\n\n"
    "embstore sql -i mine.sql -o mine.parquet",
)
def sql(
    text: Annotated[
        str | None,
        typer.Argument(metavar="SELECT", help="One SELECT statement; - reads it from stdin."),
    ] = None,
    input_: Annotated[
        Path | None, typer.Option("--input", "-i", metavar="FILE", help="Read the SQL here.")
    ] = None,
    param: ParamOption = None,
    store: StoreOption = None,
    format_: FormatOption = "auto",
    output: OutputOption = None,
    reasons: ReasonsOption = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Stop the statement when it takes longer."),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="How much memory DuckDB may take, such as 500MB."),
    ] = None,
    tag: TagOption = None,
) -> None:
    """Run one SELECT of your own; it reads the store and can change nothing.

    Values of parameters that look like numbers, true, false or null are read as
    such, but not 00123 or +5; quote a value to keep it text.
    """
    from embstore.cli.output import choose_format, show_answer

    chosen = choose_format(format_, output)
    statement = _statement(text, input_)
    params = {name: _guess(value) for name, value in assignments(param or ()).items()}
    from embstore.api.store import open_store
    from embstore.store.limits import read_limits

    limits = read_limits(timeout, memory)
    opened = open_store(store, tags=tag_filter(tag))
    answer = opened.answer(statement, params, limits=limits)
    if reasons:
        answer = opened.with_reasons(answer)
    empty = "the statement returned none"
    show_answer(answer.table, chosen, output, empty=empty, notes=answer.notes)


def _metrics() -> "pa.Table":
    import pyarrow as pa

    from embstore.metrics.registry import METRICS, PAIR_METRICS

    columns = ("symbol", "unit", "lower", "upper", "formula", "citation", "uncertainty", "version")
    metrics: list[Metric[Any]] = [*METRICS.values(), *PAIR_METRICS.values()]
    rows = [
        {
            "name": metric.name,
            "title": metric.description.title,
            "family": metric.family.name,
            "cost": metric.cost,
        }
        | {column: getattr(metric.info, column) for column in columns}
        | {"related": ", ".join(metric.related), "derivable": metric.of_spectrum is not None}
        for metric in metrics
    ]
    return pa.Table.from_pylist(rows)


def _titles(table: "pa.Table") -> "Callable[[int], Glance]":
    """Show names with their titles, and the rest where there is room."""
    from embstore.tables.glance import Glance

    return lambda _width: Glance(table, [], ("name", "title"))


def _guess(value: str | list[str]) -> object:
    """Give a value without a declared type the one it looks like."""
    if isinstance(value, list):
        return [_guess(item) for item in value]
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    if value.lower() in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[value.lower()]
    if _NUMBER.fullmatch(value) is None or math.isinf(float(value)):
        return value
    return int(value) if value.lstrip("-").isdigit() else float(value)


def _statement(text: str | None, file: Path | None) -> str:
    """Take the SQL from the one place that has it."""
    if (text is None) == (file is None):
        raise UsageError("give the SQL once: as an argument, as - for stdin, or with -i FILE")
    where = f" in {file}" if file is not None else ""
    try:
        if file is not None and file != Path("-"):
            return Path(expanded(file)).read_bytes().decode("utf-8-sig")
        if text == "-" or file is not None:
            where = " on standard input"
            return _standard_input().decode("utf-8-sig")
        return utf8(text or "")
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read the SQL{where}: {not_utf8(error)}") from error
    except UnicodeError as error:
        raise UsageError("cannot read the SQL: it is no text") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read the SQL{where}: {reason}") from error


def _standard_input() -> bytes:
    """Read standard input whatever encoding the locale says it has."""
    if hasattr(sys.stdin, "buffer"):
        return sys.stdin.buffer.read()
    return sys.stdin.read().encode()
