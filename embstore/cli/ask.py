"""The commands that ask a store: ls, info, query, sql, chart."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from embstore.cli.options import (
    LISTS,
    FormatOption,
    ListArgument,
    OutputOption,
    ParamOption,
    QueriesOption,
    QuestionArgument,
    StoreOption,
)
from embstore.cli.terminal import TERMINAL
from embstore.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

app = typer.Typer()


@app.command("ls", epilog="Examples: embstore ls models  ·  embstore ls queries -f md")
def list_(
    what: ListArgument,
    store: StoreOption = None,
    format_: FormatOption = "auto",
    output: OutputOption = None,
    queries: QueriesOption = None,
) -> None:
    """List what the store holds, or which metrics and queries there are."""
    from embstore.cli.output import choose_format

    if what not in LISTS:
        raise UsageError(f"cannot list {what!r}; expected {', '.join(LISTS)}")
    chosen = choose_format(format_, output)
    if what == "metrics":
        _show(_metrics(), chosen, output)
    elif what == "queries":
        _show(_questions(queries or ()), chosen, output)
    else:
        from embstore.api import open_store

        opened = open_store(store)
        table = opened.query(what)
        _show(table, chosen, output, empty=f"{opened.path} holds no {what} yet")


@app.command(epilog="Example: embstore info --store demo/embstore.duckdb -f json")
def info(
    store: StoreOption = None, format_: FormatOption = "auto", output: OutputOption = None
) -> None:
    """Tell what is in the store, and how large it is."""
    from embstore.cli.output import choose_format

    chosen = choose_format(format_, output)
    import pyarrow as pa

    from embstore.api import open_store

    facts = open_store(store).info()
    _show(pa.Table.from_pylist([facts]), chosen, output, upright=True)


@app.command(
    epilog="Examples: embstore query layer_profile -p metric=twonn -p models=gpt2,opt-125m  ·  "
    "embstore query peak_layer -o peaks.csv  ·  embstore query runs --show"
)
def query(
    name: QuestionArgument,
    param: ParamOption = None,
    store: StoreOption = None,
    format_: FormatOption = "auto",
    output: OutputOption = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the SQL file instead of running it.")
    ] = False,
    queries: QueriesOption = None,
) -> None:
    """Answer a question: run one of the .sql files over the store."""
    from embstore.cli.output import choose_format, write_out
    from embstore.query import find_question

    chosen = choose_format(format_, output)
    question = find_question(name, queries or ())
    if show:
        write_out(question.sql.encode())
        return
    params = _assignments(param or ())
    from embstore.api import open_store

    opened = open_store(store, queries=queries or ())
    table = opened.query(name, **params)
    asked = ", ".join(param or ()) or "the parameters' defaults"
    runs = opened.info()["runs"] if not table.num_rows else 0
    reason = (
        f"nothing in {opened.path} fits {asked}"
        if runs
        else f"{opened.path} holds no runs yet; fill it with embstore ingest"
    )
    _show(table, chosen, output, empty=reason)


@app.command(
    epilog="Examples: embstore sql 'SELECT model, max(value) FROM profile WHERE metric = $metric "
    "GROUP BY model' -p metric=anisotropy  ·  embstore sql -i mine.sql -o mine.parquet"
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
) -> None:
    """Run one SELECT of your own; it reads the store and can change nothing.

    Values of parameters that look like numbers, true, false or null are read as
    such; quote a value to keep it text.
    """
    from embstore.cli.output import choose_format

    chosen = choose_format(format_, output)
    statement = _statement(text, input_)
    params = {name: _guess(value) for name, value in _assignments(param or ()).items()}
    from embstore.api import open_store

    table = open_store(store).sql(statement, **params)
    _show(table, chosen, output, empty="the statement returned none")


@app.command(
    epilog="Examples: embstore chart layer_profile -o profile.html  ·  "
    "embstore chart layer_profile -p metric=twonn -p by=layer -o twonn.pdf"
)
def chart(
    name: QuestionArgument,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Ends in .html, .svg, .png, .pdf or .json."
        ),
    ],
    param: ParamOption = None,
    store: StoreOption = None,
    queries: QueriesOption = None,
) -> None:
    """Draw the answer to a question."""
    from embstore.picture import check_suffix

    check_suffix(output)
    params = _assignments(param or ())
    from embstore.api import open_store

    drawn = open_store(store, queries=queries or ()).chart(name, **params)
    from embstore.chart import save_chart

    save_chart(drawn, output)
    TERMINAL.say(f"wrote {output}")


def _metrics() -> "pa.Table":
    import pyarrow as pa

    from embstore.metrics.registry import metric_infos

    columns = ("name", "title", "symbol", "unit", "lower", "upper", "formula", "citation")
    rows = [
        {column: getattr(info, column) for column in (*columns, "uncertainty", "version")}
        for info in metric_infos(pairs=True)
    ]
    return pa.Table.from_pylist(rows)


def _questions(folders: Iterable[str]) -> "pa.Table":
    import pyarrow as pa

    from embstore.query import find_questions

    return pa.Table.from_pylist(
        [
            {
                "name": question.name,
                "title": question.title,
                "chart": question.encoding is not None,
                "parameters": " ".join(map(str, question.parameters)),
                "doc": question.doc,
                "file": str(question.path),
            }
            for question in find_questions(folders).values()
        ]
    )


def _show(
    table: "pa.Table",
    format_: str,
    output: Path | None,
    *,
    empty: str = "",
    upright: bool = False,
) -> None:
    """Write the data to its place, and about it what a reader should know to stderr."""
    from embstore.cli.output import write_table
    from embstore.query import caveat

    hidden = write_table(table, format_, output, upright=upright)
    if note := caveat(table):
        TERMINAL.say(f"note: {note}")
    if not table.num_rows:
        TERMINAL.say(f"no rows: {empty}")
    if hidden:
        TERMINAL.say(
            f"{len(hidden)} more columns do not fit this terminal: {', '.join(hidden)}; "
            "see them with -f csv or -o FILE"
        )
    if output is not None and output != Path("-"):
        TERMINAL.detail(f"wrote {output}")


def _assignments(pairs: Iterable[str]) -> dict[str, str | list[str]]:
    """Read ``name=value`` options; a name given twice makes a list."""
    values: dict[str, str | list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"parameter {pair!r} has no value; write it as NAME=VALUE")
        before = values.get(name)
        if before is None:
            values[name] = value
        else:
            values[name] = [*(before if isinstance(before, list) else [before]), value]
    return values


def _guess(value: str | list[str]) -> object:
    """Give a value without a declared type the one it looks like."""
    if isinstance(value, list):
        return [_guess(item) for item in value]
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    if value.lower() in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[value.lower()]
    for number in (int, float):
        # Not nan, inf or 1_000, which Python would take for numbers too.
        if value.strip("+-")[:1].isdigit() and "_" not in value:
            try:
                return number(value)
            except ValueError:
                continue
    return value


def _statement(text: str | None, file: Path | None) -> str:
    """Take the SQL from the one place that has it."""
    if (text is None) == (file is None):
        raise UsageError("give the SQL once: as an argument, as - for stdin, or with -i FILE")
    if file is not None and file != Path("-"):
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"cannot read the SQL in {file}: {reason.lower()}") from error
    if text == "-" or file is not None:
        return sys.stdin.read()
    return text or ""
