"""Draws the answer to a question, and saves the picture."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import altair as alt

from embstore.chart_spec import (
    CHARACTER_WIDTH,
    CONFIG,
    ESTIMATES,
    INTERVAL,
    SCOPE_NAMES,
    Row,
    Spec,
    title_of,
    width_of,
    write_view,
)
from embstore.errors import QueryError
from embstore.files import write_atomically
from embstore.parameters import Value
from embstore.picture import check_suffix, render
from embstore.question import Channel, Question
from embstore.types import MetricInfo

if TYPE_CHECKING:
    import pyarrow as pa

AnyChart: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart | alt.VConcatChart

MAX_ROWS = 5000


def build_chart(
    question: Question,
    table: "pa.Table",
    *,
    params: Mapping[str, Value] | None = None,
    metric: MetricInfo | None = None,
    caption: str | None = None,
) -> AnyChart:
    """Draw a question's rows as its ``chart:`` line says.

    Missing values are gaps. Series differ by colour and by shape. Where the answer
    has ``ci_low`` and ``ci_high`` around a line of its ``value`` or ``dimension``,
    that interval is a light band behind the line.

    Args:
        question: what was asked; its encoding says how to draw.
        table: the answer.
        params: what was asked with, where the encoding names a ``$parameter``;
            the defaults where not given.
        metric: what the values mean, for title, unit and bounds of their axis.
        caption: a sentence to stand under the chart.

    Raises:
        QueryError: the question has no chart line, the chart needs a column that
            is not there, or the table has no rows or too many.
    """
    if question.encoding is None:
        raise QueryError(
            f"query {question.name} has no chart; print it: embstore query {question.name}"
        )
    channels = _resolved(question, params or {})
    for key, channel in channels.items():
        if channel.column not in table.column_names:
            raise QueryError(
                f"{question.path}: the chart's {key} is column {channel.column!r}; "
                f"the query returns {', '.join(table.column_names)}"
            )
    if table.num_rows == 0:
        raise QueryError(f"query {question.name}: no rows, so there is nothing to draw")
    if table.num_rows > MAX_ROWS:
        raise QueryError(
            f"query {question.name}: {table.num_rows} rows, more than the {MAX_ROWS} a chart "
            "can show; narrow the parameters, or aggregate in SQL"
        )
    drawn = [channel.column for channel in channels.values()]
    has_band = question.encoding.mark == "line" and channels["y"].column in ESTIMATES
    bounds = _bounds(table) if has_band else ()
    rows = _rows(table, [*drawn, *bounds])
    for row in rows:
        # Half an interval, or one around nothing, is a gap in the band.
        if any(row[name] is None for name in (channels["y"].column, *bounds)):
            row.update(dict.fromkeys(bounds))
    if metric is not None and not _is_only_metric(table, metric):
        metric = None
    return _typed(_spec(question, channels, rows, metric, caption))


def save_chart(chart: AnyChart, path: str | Path) -> None:
    """Write a chart to ``path``; the suffix is the format. The file appears whole.

    ``.html`` holds all its scripts and data and loads nothing; ``.svg`` is the same
    to the byte whenever the chart is; ``.json`` is the Vega-Lite specification.

    Raises:
        UsageError: no such format.
        EmbstoreError: the file cannot be written.
    """
    suffix = check_suffix(path)
    write_atomically(path, render(chart.to_dict(), suffix))


def _resolved(question: Question, params: Mapping[str, Value]) -> dict[str, Channel]:
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
        channels[key] = Channel(column, channel.type)
    return channels


def _rows(table: "pa.Table", columns: Sequence[str]) -> list[Row]:
    """Take the columns drawn, as JSON can hold them; NaN and infinity become gaps."""
    wanted = list(dict.fromkeys(columns))
    rows: list[Row] = table.select(wanted).to_pylist()
    for row in rows:
        for name, value in row.items():
            if isinstance(value, Decimal):
                row[name] = int(value) if value == value.to_integral_value() else float(value)
            elif isinstance(value, float) and not math.isfinite(value):
                row[name] = None
            elif isinstance(value, date):
                row[name] = value.isoformat()
            elif not isinstance(value, str | int | float | None):
                row[name] = str(value)
        if "scope" in row:
            row["scope"] = SCOPE_NAMES.get(str(row["scope"]), row["scope"])
    return rows


def _bounds(table: "pa.Table") -> tuple[str, ...]:
    """Name the columns of the interval around each estimate, if any row has one."""
    if not set(INTERVAL) <= set(table.column_names):
        return ()
    return INTERVAL if table.select(INTERVAL).drop_null().num_rows else ()


def _is_only_metric(table: "pa.Table", metric: MetricInfo) -> bool:
    if "metric" not in table.column_names:
        return False
    return bool(table.column("metric").unique().to_pylist() == [metric.name])


def _spec(
    question: Question,
    channels: Mapping[str, Channel],
    rows: list[Row],
    metric: MetricInfo | None,
    caption: str | None,
) -> Spec:
    """Write a whole chart: view, title, caption, description, looks and data."""
    assert question.encoding is not None  # noqa: S101 the caller has looked
    mark = question.encoding.mark
    title = _headline(question, metric)
    view = write_view(mark, channels, rows, metric)
    words = _description(title, mark, channels, rows, metric, caption)
    chart = _assembled(view, rows, title, _below(caption, width_of(channels, rows)))
    return {**chart, "description": words, "config": CONFIG}


def _headline(question: Question, metric: MetricInfo | None) -> str:
    if metric is None:
        return question.title
    title = question.title
    return f"{metric.title}: {title[:1].lower()}{title[1:]}"


def _description(
    title: str,
    mark: str,
    channels: Mapping[str, Channel],
    rows: list[Row],
    metric: MetricInfo | None,
    caption: str | None,
) -> str:
    """Say for a screen reader what the chart shows."""
    x, y = (title_of(channels[key].column, metric) for key in "xy")
    keys = [key for key in ("color", "dash", "shape", "facet") if key in channels]
    told_apart = {channels[key].column for key in keys if channels[key].type != "Q"}
    names = sorted({str(row[column]) for column in sorted(told_apart) for row in rows})
    parts = [f"{title}.", f"{mark.capitalize()} chart of {y} against {x}, {len(rows)} values"]
    parts[-1] += f", for {', '.join(names)}." if names else "."
    return " ".join([*parts, caption] if caption else parts)


def _below(caption: str | None, width: int) -> Spec | None:
    """Lay out a caption; Vega-Lite has none, but a title may stand below."""
    if not caption:
        return None
    return {
        "text": textwrap.wrap(caption, int(width / CHARACTER_WIDTH)),
        "orient": "bottom",
        "fontSize": 11,
        "fontWeight": "normal",
        "color": "#444444",
        "lineHeight": 15,
        "offset": 12,
    }


def _assembled(view: Spec, rows: list[Row], title: str, below: Spec | None) -> Spec:
    data: Spec = {"values": rows}
    if below is None:
        return {"data": data, "title": title, **view}
    # A view has one title: the caption is that of a concatenation around it.
    return {"data": data, "title": below, "vconcat": [{"title": title, **view}]}


def _typed(spec: Spec) -> AnyChart:
    if "vconcat" in spec:
        return alt.VConcatChart.from_dict(spec)
    if "facet" in spec:
        return alt.FacetChart.from_dict(spec)
    if "layer" in spec:
        return alt.LayerChart.from_dict(spec)
    return alt.Chart.from_dict(spec)
