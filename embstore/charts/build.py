"""Draws the answer to a question, and saves the picture."""

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import altair as alt

from embstore.asking.parameters import ParameterValue
from embstore.asking.question import SCALES, Channel, Question
from embstore.charts.chart_data import ESTIMATES, INTERVAL, ChartData
from embstore.charts.files import check_suffix, render
from embstore.charts.fitting import check_letters
from embstore.charts.legends import crowding
from embstore.charts.marks import view_of, width_of
from embstore.charts.notebook import AnyChart as AnyChart
from embstore.charts.notebook import InlineVConcatChart
from embstore.charts.theme import config_of, find_theme
from embstore.charts.words import (
    NO_VALUE,
    SCOPE_NAMES,
    caption_below,
    describe,
    headline,
    wrapped_title,
)
from embstore.common.files import write_atomically
from embstore.errors import QueryError
from embstore.tables.values import plain_rows
from embstore.types import MetricInfo

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 5000


def build_chart(
    question: Question,
    table: "pa.Table",
    *,
    params: Mapping[str, ParameterValue] | None = None,
    metric: MetricInfo | None = None,
    caption: str | None = None,
    theme: str = "light",
) -> AnyChart:
    """Draw a question's rows as its ``chart:`` line says.

    Missing values are gaps. Series differ by colour and by shape. Where the answer
    has ``ci_low`` and ``ci_high`` around a line of its ``value`` or ``dimension``,
    that interval is a light band behind the line, or a bar through the point. In a heat
    map a cell without a value is grey and crossed out.

    Args:
        question: what was asked; its encoding says how to draw.
        table: the answer.
        params: what was asked with, where the encoding names a ``$parameter``;
            the defaults where not given.
        metric: what the values mean, for title, unit and bounds of their axis.
        caption: a sentence to stand under the chart.
        theme: ``light`` or ``dark``.

    Raises:
        UsageError: no such theme.
        QueryError: the question has no chart line, the chart needs a column that
            is not there or holds something else, or the table has no rows or too many.

    Warns:
        UserWarning: some series look alike; says how to ask for fewer.
    """
    looks = find_theme(theme)
    if question.encoding is None:
        raise QueryError(
            f"question {question.name} has no chart; print it: embstore query {question.name}"
        )
    channels = _resolved(question, params or {})
    for key, channel in channels.items():
        if channel.column not in table.column_names:
            raise QueryError(
                f"{question.path}: the chart's {key} is column {channel.column!r}; "
                f"the question returns {', '.join(table.column_names)}"
            )
    if table.num_rows == 0:
        raise QueryError(f"question {question.name}: no rows, so there is nothing to draw")
    if table.num_rows > MAX_ROWS:
        raise QueryError(
            f"question {question.name}: {table.num_rows} rows, more than the {MAX_ROWS} a chart "
            "can show; narrow the parameters, or aggregate in SQL"
        )
    channels = check_letters(question, table, channels)
    drawn = [channel.column for channel in channels.values()]
    bounds = _bounds(table) if _has_interval(question.encoding.mark, channels) else ()
    rows = _rows(table, [*drawn, *bounds])
    for row in rows:
        # The band has a gap where a bound or the estimate is missing.
        if any(row[name] is None for name in (*_estimates(channels), *bounds)):
            row.update(dict.fromkeys(bounds))
    _refuse_empty(question, channels, rows)
    if metric is not None and not _is_only_metric(table, metric):
        metric = None
    data = ChartData(
        question.encoding.mark, channels, rows, metric, looks, fewer=_fewer(question, table)
    )
    if crowded := crowding(data):
        warnings.warn(crowded, stacklevel=3)
    return _chart(data, headline(question.title, metric), caption)


def save_chart(chart: AnyChart, path: str | Path) -> None:
    """Write a chart to ``path``; the suffix is the format. The file appears whole.

    ``.html`` holds all its scripts and data and loads nothing; equal charts give equal
    ``.svg`` files, to the byte; ``.json`` is the Vega-Lite specification.

    Raises:
        UsageError: no such format.
        EmbstoreError: the file cannot be written.
    """
    suffix = check_suffix(path)
    write_atomically(path, render(chart, suffix))


def _resolved(question: Question, params: Mapping[str, ParameterValue]) -> dict[str, Channel]:
    """Put the parameter's column in place of each ``$parameter``."""
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


def _rows(table: "pa.Table", columns: Sequence[str]) -> list[dict[str, object]]:
    """Take the columns drawn, as JSON can hold them; NaN and infinity become gaps."""
    wanted = list(dict.fromkeys(columns))
    rows = [
        {name: _in_chart(value) for name, value in zip(wanted, row, strict=True)}
        for row in plain_rows(table.select(wanted))
    ]
    for row in rows:
        if "scope" in row:
            row["scope"] = SCOPE_NAMES.get(str(row["scope"]), row["scope"])
    return rows


def _in_chart(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _bounds(table: "pa.Table") -> tuple[str, ...]:
    """Name the columns of the interval around each estimate, if any row has one."""
    if not set(INTERVAL) <= set(table.column_names):
        return ()
    return INTERVAL if table.select(INTERVAL).drop_null().num_rows else ()


def _is_only_metric(table: "pa.Table", metric: MetricInfo) -> bool:
    if "metric" not in table.column_names:
        return False
    return bool(table.column("metric").unique().to_pylist() == [metric.name])


def _estimates(channels: Mapping[str, Channel]) -> list[str]:
    """Name the columns drawn that may have an interval."""
    drawn = (channels[key].column for key in "xy" if channels[key].type == "Q")
    return [column for column in drawn if column in ESTIMATES]


def _refuse_empty(
    question: Question, channels: Mapping[str, Channel], rows: list[dict[str, object]]
) -> None:
    """Refuse to draw empty axes: an answer may have rows and no numbers."""
    for key in "xy":
        column = channels[key].column
        if channels[key].type == "Q" and all(row[column] is None for row in rows):
            raise QueryError(
                f"question {question.name}: no row has a value in {column!r}, so there is nothing "
                f"to draw; see why: embstore query {question.name}"
            )


def _has_interval(mark: str, channels: Mapping[str, Channel]) -> bool:
    """Tell whether the chart has a place for intervals: along lines, or in rows of points."""
    if mark == "line":
        return channels["y"].column in ESTIMATES
    return mark == "point" and channels["y"].type != "Q" and channels["x"].column in ESTIMATES


def _fewer(question: Question, table: "pa.Table") -> str:
    """Say how to ask this question for fewer series: of models, or of one model's revisions."""
    takes = {parameter.name for parameter in question.parameters}
    if "revisions" in takes and {"series", "model"} <= set(table.column_names):
        series = set(zip(*(table[name].to_pylist() for name in ("model", "series")), strict=True))
        counts = Counter(model for model, _series in series)
        if 2 * max(counts.values()) > len(series):
            return "revisions=…"
    return "models=…" if "models" in takes else ""


def _chart(data: ChartData, title: str, caption: str | None) -> AnyChart:
    """Return the whole chart: view, title, caption, description, looks and data."""
    color = data.channels.get("color")
    if data.mark == "rect" and color is not None and color.type == "Q":
        gaps = any(row[color.column] is None for row in data.rows)
        caption = " ".join(filter(None, [NO_VALUE if gaps else None, caption])) or None
    width = width_of(data)
    chart: AnyChart = view_of(data).properties(title=wrapped_title(title, width))
    if caption:
        # A view has one title: the caption is that of a concatenation around it.
        below = caption_below(caption, width, data.theme)
        chart = InlineVConcatChart(vconcat=[chart], title=below)
    return chart.properties(
        data=alt.InlineData(values=data.rows),
        description=describe(data, title, caption),
        config=config_of(data.theme),
    )
