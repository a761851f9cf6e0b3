"""What of an answer is drawn: its columns, their rows, and when there is nothing to draw."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from embstore.asking.parameters import ParameterValue
from embstore.asking.question import SCALES, Channel, Question
from embstore.charts.chart_data import ESTIMATES, INTERVAL, SEED_BAND
from embstore.choices import SCOPE_WORDS
from embstore.common.messages import listed
from embstore.errors import QueryError
from embstore.tables.values import plain_rows
from embstore.types import MetricInfo

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 5000


def resolved(question: Question, params: Mapping[str, ParameterValue]) -> dict[str, Channel]:
    """Return the channels of a chart line, the parameter's column in place of each ``$name``.

    Raises:
        QueryError: there is no such parameter, or its value is no scale.
    """
    assert question.encoding is not None  # noqa: S101 the caller has looked
    defaults = {parameter.name: parameter.default for parameter in question.parameters}
    values = {**defaults, **params}
    channels = {}
    for key, channel in question.encoding.channels.items():
        column = channel.column
        if column.startswith("$"):
            if column[1:] not in values:
                raise QueryError(
                    f"{question.path}: the chart's {key} is {column}, no such parameter"
                )
            column = str(values[column[1:]])
        scale = channel.scale
        if scale.startswith("$"):
            scale = str(values.get(scale[1:]))
            if scale not in SCALES:
                raise QueryError(
                    f"{question.path}: the chart's {key} has the scale {channel.scale}, "
                    f"{scale!r}; expected one of {', '.join(SCALES)}"
                )
        channels[key] = Channel(column, channel.type, scale)
    return channels


def check_columns(question: Question, table: "pa.Table", channels: Mapping[str, Channel]) -> None:
    """Refuse a chart whose columns are not there.

    Raises:
        QueryError: naming the channel and the columns that are there.
    """
    for key, channel in channels.items():
        if channel.column not in table.column_names:
            raise QueryError(
                f"{question.path}: the chart's {key} is column {channel.column!r}; "
                f"the question returns {listed(table.column_names)}"
            )


def unrolled(
    question: Question, table: "pa.Table", channels: Mapping[str, Channel], empty: str = ""
) -> "pa.Table":
    """Return a row for each item of the lists that ``x`` and ``y`` show; other tables as they are.

    Args:
        question: what was asked.
        table: the answer.
        channels: what is drawn of it.
        empty: why it may have no rows.

    Raises:
        QueryError: no rows, or more than a chart can show; lists of unequal lengths in a row.
    """
    import pyarrow as pa

    drawn = list(dict.fromkeys(channel.column for channel in channels.values()))
    lists = [name for name in drawn if pa.types.is_list(table.schema.field(name).type)]
    if all(channels[key].type == "Q" and channels[key].column in lists for key in "xy"):
        lengths = {tuple(map(_length, row)) for row in zip(*map(table.column, lists), strict=True)}
        if any(len(set(each)) > 1 for each in lengths):
            raise QueryError(
                f"{question.path}: the chart unrolls the lists {', '.join(lists)}, which have "
                "unequal lengths in some row"
            )
        parents = table[lists[0]].combine_chunks().value_parent_indices()
        longer = table.take(parents)
        for name in lists:
            place = table.column_names.index(name)
            longer = longer.set_column(place, name, table[name].combine_chunks().flatten())
        table = longer
    if table.num_rows == 0:
        why = f": {empty}" if empty else ""
        raise QueryError(f"question {question.name}: no rows, so there is nothing to draw{why}")
    if table.num_rows > MAX_ROWS:
        raise QueryError(
            f"question {question.name}: {table.num_rows} rows, more than the {MAX_ROWS} a chart "
            "can show; narrow the parameters, or aggregate in SQL"
        )
    return table


def check_sizes(question: Question, table: "pa.Table", channels: Mapping[str, Channel]) -> None:
    """Refuse lines over the tokens read where each has one point only.

    Raises:
        QueryError: saying what to measure.
    """
    if channels["x"].column != "tokens" or "facet" not in channels:
        return
    columns = [channels[key].column for key in ("facet", "detail", "color") if key in channels]
    lines = [tuple(row.values()) for row in table.select(columns).to_pylist()]
    sizes: dict[tuple[object, ...], set[object]] = {}
    for line, tokens in zip(lines, table["tokens"].to_pylist(), strict=True):
        sizes.setdefault(line, set()).add(tokens)
    if max(map(len, sizes.values()), default=2) < 2:
        raise QueryError(
            f"question {question.name}: each checkpoint was measured with one number of tokens, so "
            "that there are no lines to draw; measure one again with other --tokens "
            "(in Python tokens)"
        )


def drawn_rows(
    question: Question, table: "pa.Table", channels: Mapping[str, Channel]
) -> list[dict[str, object]]:
    """Return the columns drawn, and those of its bands; a band has a gap where an end is missing.

    Raises:
        QueryError: an axis of numbers has none.
    """
    assert question.encoding is not None  # noqa: S101 the caller has looked
    drawn = [channel.column for channel in channels.values()]
    has_bands = _has_interval(question.encoding.mark, channels)
    bands = [_bounds(table, ends) for ends in (INTERVAL, SEED_BAND) if has_bands]
    count = ["n_seeds"] * any(bands[1:]) * ("n_seeds" in table.column_names)
    rows = _rows(table, [*drawn, *(end for ends in bands for end in ends), *count])
    for row in rows:
        for ends in bands:
            if any(row[name] is None for name in (*_estimates(channels), *ends)):
                row.update(dict.fromkeys(ends))
    if question.encoding.mark == "rect":
        rows = _rows_with_a_value(rows, channels)
    for key in "xy":
        column = channels[key].column
        if channels[key].type == "Q" and all(row[column] is None for row in rows):
            raise QueryError(
                f"question {question.name}: no row has a value in {column!r}, so there is nothing "
                f"to draw; see why: embstore query {question.name}"
            )
    return rows


def with_lines(
    mark: str, rows: list[dict[str, object]], channels: Mapping[str, Channel]
) -> tuple[list[dict[str, object]], str | None]:
    """Leave out the rows of names that have no value anywhere, and say which these are.

    A legend would name what the chart does not show.
    """
    gone: dict[str, None] = {}
    if mark in {"line", "curve"} and channels["y"].type == "Q":
        for key in ("color", "dash"):
            if key not in channels or channels[key].type != "N":
                continue
            column = channels[key].column
            there = {row[column] for row in rows if row[channels["y"].column] is not None}
            gone |= dict.fromkeys(str(row[column]) for row in rows if row[column] not in there)
            rows = [row for row in rows if row[column] in there]
    return rows, f"No values, and so no line: {listed(gone)}." if gone else None


def is_only_metric(table: "pa.Table", metric: MetricInfo) -> bool:
    """Tell whether all rows that are of a metric are of this one."""
    if "metric" not in table.column_names:
        return False
    return bool(table.column("metric").drop_null().unique().to_pylist() == [metric.name])


def fewer(question: Question, table: "pa.Table") -> str:
    """Say how to ask this question for fewer series: of models, or of one model's revisions."""
    takes = {parameter.name for parameter in question.parameters}
    if "revisions" in takes and {"series", "model"} <= set(table.column_names):
        series = set(zip(*(table[name].to_pylist() for name in ("model", "series")), strict=True))
        counts = Counter(model for model, _series in series)
        if 2 * max(counts.values(), default=0) > len(series):
            return "revisions=…"
    return "models=…" if "models" in takes else ""


def _length(items: "pa.ListScalar") -> int:
    return len(items) if items.is_valid else 0


def _rows(table: "pa.Table", columns: Sequence[str]) -> list[dict[str, object]]:
    """Take the columns drawn, as JSON can hold them; NaN and infinity become gaps."""
    wanted = list(dict.fromkeys(columns))
    rows = [
        {name: _in_chart(value) for name, value in zip(wanted, row, strict=True)}
        for row in plain_rows(table.select(wanted))
    ]
    for row in rows:
        if "scope" in row:
            row["scope"] = SCOPE_WORDS.get(str(row["scope"]), row["scope"])
    return rows


def _rows_with_a_value(
    rows: list[dict[str, object]], channels: Mapping[str, Channel]
) -> list[dict[str, object]]:
    """Leave out the names of a heat map that have no number in any of its cells."""
    color, y = channels.get("color"), channels["y"]
    if color is None or color.type != "Q" or y.type != "N":
        return rows
    named = {row[y.column] for row in rows if row[color.column] is not None}
    return [row for row in rows if row[y.column] in named] or rows


def _in_chart(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _bounds(table: "pa.Table", ends: tuple[str, str]) -> tuple[str, ...]:
    """Name the columns of a band around each estimate, if any row has one."""
    if not set(ends) <= set(table.column_names):
        return ()
    return ends if table.select(ends).drop_null().num_rows else ()


def _estimates(channels: Mapping[str, Channel]) -> list[str]:
    """Name the columns drawn that may have an interval."""
    drawn = (channels[key].column for key in "xy" if channels[key].type == "Q")
    return [column for column in drawn if column in ESTIMATES]


def _has_interval(mark: str, channels: Mapping[str, Channel]) -> bool:
    """Tell whether the chart has a place for intervals: along lines, or through points."""
    if mark in {"line", "curve"} or (mark == "point" and channels["y"].type == "Q"):
        return channels["y"].column in ESTIMATES
    return mark == "point" and channels["x"].column in ESTIMATES
