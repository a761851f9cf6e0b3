"""Draws the answer to a question, and saves the picture."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import altair as alt

from embstore.chart_spec import SCOPE_NAMES, Row, Spec, write_spec
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

    Missing values are gaps. Series differ by colour and by shape.

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
    rows = _rows(table, [channel.column for channel in channels.values()])
    if metric is not None and not _is_only_metric(table, metric):
        metric = None
    return _typed(write_spec(question, channels, rows, metric, caption))


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


def _is_only_metric(table: "pa.Table", metric: MetricInfo) -> bool:
    if "metric" not in table.column_names:
        return False
    return bool(table.column("metric").unique().to_pylist() == [metric.name])


def _typed(spec: Spec) -> AnyChart:
    if "vconcat" in spec:
        return alt.VConcatChart.from_dict(spec)
    if "facet" in spec:
        return alt.FacetChart.from_dict(spec)
    if "layer" in spec:
        return alt.LayerChart.from_dict(spec)
    return alt.Chart.from_dict(spec)
